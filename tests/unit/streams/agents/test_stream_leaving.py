"""A loop that is left or whose records are dropped: what is in hand is finished, what is not stays for another."""

import asyncio
from typing import Any

import pytest

from tests.unit.streams.fakes import FLIGHTS, run, settle
from tests.unit.streams.feeding import fed, looping, start_agent


class TestBreak:
    def test_record_is_open_until_the_next_loop_begins(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                got: list[Any] = []
                between = asyncio.Event()

                async def body(stream: Any) -> None:
                    async for value in stream:
                        got.append(value)
                        if value == 1:
                            break
                    await between.wait()
                    async for value in stream:
                        got.append(value)

                await start_agent(feeding, body)
                feeding.feed(0, 1, 2)
                await settle()
                assert (got, feeding.committable(), feeding.consumer.in_flight()) == ([0, 1], 1, [])
                between.set()
                await settle()
                assert (got, feeding.committable()) == ([0, 1, 2], 3)

        run(scenario)

    def test_second_loop_at_once(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                got: list[Any] = []

                async def body(stream: Any) -> None:
                    while True:
                        async for value in stream:
                            got.append(value)
                            break

                await start_agent(feeding, body)
                feeding.feed(0, 1, 2)
                await settle()
                assert (got, feeding.committable()) == ([0, 1, 2], 3)

        run(scenario)

    @pytest.mark.parametrize("is_caught", [True, False])
    def test_end_of_a_task(self, is_caught: bool) -> None:
        """What a task had that has ended well is finished, and what it had that has failed is not."""

        async def scenario() -> None:
            async with fed() as feeding:
                stream = feeding.stream()

                async def body() -> None:
                    async for _ in stream:
                        if is_caught:
                            return
                        raise ValueError("bad")

                task = asyncio.ensure_future(body())
                await settle()
                await feeding.index()
                feeding.feed(0, 1)
                await asyncio.wait([task])
                await settle()
                assert feeding.committable() == (1 if is_caught else 0)
                assert (task.exception() is None) is is_caught

        run(scenario)

    def test_cancelled_body_has_not_finished(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream(), is_open=False)
                feeding.feed(0, 1)
                await settle()
                loop.task.cancel()
                await settle()
                assert (feeding.committable(), feeding.consumer.in_flight()) == (0, [])

        run(scenario)

    def test_error_that_is_caught_around_the_loop(self) -> None:
        """Whoever goes on has done with the record."""

        async def scenario() -> None:
            async with fed() as feeding:
                got: list[Any] = []

                async def body(stream: Any) -> None:
                    while True:
                        try:
                            async for value in stream:
                                got.append(value)
                                if value == 1:
                                    raise ValueError("bad")
                        except ValueError:
                            got.append("caught")

                await start_agent(feeding, body)
                feeding.feed(0, 1, 2)
                await settle()
                assert (got, feeding.committable()) == ([0, 1, "caught", 2], 3)

        run(scenario)


@pytest.mark.parametrize("is_left_first", [False, True])
def test_one_acknowledged_by_hand_where_the_loop_is_left_says_nothing_of_the_next(*, is_left_first: bool) -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            stream, go = feeding.stream(), asyncio.Event()

            async def body() -> None:
                async for event in stream.events():
                    if not is_left_first:
                        event.ack()
                    break
                if is_left_first:
                    event.ack()
                async for _ in stream:
                    await go.wait()

            feeding.begin(body())
            await settle()
            await feeding.index()
            feeding.feed(0, 1)
            await settle()
            assert (feeding.committable(), feeding.consumer.in_flight()) == (1, ["flights[0]@1"])
            revoking = asyncio.ensure_future(feeding.consumer.on_partitions_revoked({FLIGHTS}))
            await settle()
            assert not revoking.done()
            go.set()
            await asyncio.wait_for(revoking, 0.5)
            assert feeding.committed == {FLIGHTS: 2}

    run(scenario)


class TestDropping:
    def test_in_the_middle_of_a_body(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream(), is_open=False)
                feeding.feed(0, 1, 2)
                feeding.feed(3)
                await settle()
                feeding.app.flow_control.clear()
                assert (feeding.committable(), feeding.consumer.in_flight()) == (0, ["flights[0]@0"])
                loop.go.set()
                await settle()
                assert (loop.got, feeding.committable(), feeding.consumer.in_flight()) == ([0], 1, [])

        run(scenario)

    def test_revoke_waits_for_the_record_in_hand_and_commits_it(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream(), is_open=False)
                feeding.feed(0, 1)
                await settle()
                revoking = asyncio.ensure_future(feeding.consumer.on_partitions_revoked({FLIGHTS}))
                await settle()
                assert not revoking.done()
                loop.go.set()
                await asyncio.wait_for(revoking, 0.5)
                assert (loop.got, feeding.committed) == ([0], {FLIGHTS: 1})
                assert feeding.committable() is None

        run(scenario)

    def test_records_of_a_generation_before(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream())
                feeding.feed(0, 1)
                feeding.app.consumer_generation_id += 1
                feeding.feed(5)
                await settle()
                assert loop.got == [5]

        run(scenario)
