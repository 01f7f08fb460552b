"""An agent that takes lists: all records of a list whose body has failed come again, in their order."""

from typing import Any

from tests.unit.streams.agents.test_agent import Failing, settled
from tests.unit.streams.fakes import run
from tests.unit.streams.feeding import fed, start_agent


class TestLists:
    def test_whole_list_comes_again(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                failing = Failing(v1=1)
                await start_agent(feeding, failing.list_body)
                feeding.feed(0, 1, 2, 3)
                await settled(feeding)
                assert failing.got == [[0, 1], [0, 1], [2, 3]]
                assert feeding.committable() == 4

        run(scenario)

    def test_in_its_order(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                got: list[Any] = []

                async def body(stream: Any) -> None:
                    async for values in stream.take(20, within=0):
                        got.append(values)
                        if len(got) == 1:
                            raise ValueError("bad")

                await start_agent(feeding, body)
                feeding.feed(*range(20))
                await settled(feeding)
                assert got == [list(range(20))] * 2

        run(scenario)

    def test_of_several_runs(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                failing = Failing(v1=1)
                await start_agent(feeding, failing.list_body)
                feeding.feed(0)
                feeding.feed(1)
                feeding.feed(2, 3)
                await settled(feeding)
                assert failing.got == [[0, 1], [0, 1], [2, 3]]
                assert feeding.committable() == 4

        run(scenario)

    def test_of_unacknowledged_ones_what_was_not_acknowledged(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                got: list[Any] = []

                async def body(stream: Any) -> None:
                    async for events in stream.noack_take(2, within=0):
                        got.append([event.value for event in events])
                        events[0].ack()
                        if len(got) == 1:
                            raise ValueError("bad")
                        events[1].ack()

                await start_agent(feeding, body)
                feeding.feed(0, 1, 2)
                await settled(feeding)
                assert (got, feeding.committable()) == ([[0, 1], [1, 2]], 3)

        run(scenario)

    def test_list_that_failed_and_then_one_by_one(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                got: list[Any] = []

                async def body(stream: Any) -> None:
                    if not got:
                        async for values in stream.take(2, within=0):
                            got.append(values)
                            raise ValueError("bad")
                    async for value in stream:
                        got.append(value)

                await start_agent(feeding, body)
                feeding.feed(0, 1, 2)
                await settled(feeding)
                assert (got, feeding.committable()) == ([[0, 1], 0, 1, 2], 3)

        run(scenario)
