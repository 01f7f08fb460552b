"""Lists of values: their records are finished together when the body has done with the list, and fail together."""

import asyncio
import time
from typing import Any

import pytest
from faust.exceptions import DecodeError, Skip
from faust.types import TP

from framework.streams.agents import turns
from tests.unit.streams.fakes import FLIGHTS, run, settle
from tests.unit.streams.feeding import fed, looping, raw


class TestLists:
    def test_full_ones(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream().take(2, within=0), is_open=False)
                feeding.feed(0, 1, 2)
                feeding.feed(3, 4)
                await settle()
                assert (loop.got, feeding.committable()) == ([[0, 1]], 0)
                await loop.one_more()
                assert (loop.got, feeding.committable()) == ([[0, 1], [2, 3]], 2)
                await loop.one_more()
                assert (loop.got, feeding.committable()) == ([[0, 1], [2, 3]], 4)
                assert feeding.consumer.in_flight() == ["flights[0]@4"]

        run(scenario)

    def test_what_there_is_after_the_time(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream().take(10, within=0.02))
                feeding.feed(0, 1)
                async with asyncio.timeout(2.0):
                    while not loop.got:
                        await asyncio.sleep(0.005)
                await settle()
                assert (loop.got, feeding.committable()) == ([[0, 1]], 2)

        run(scenario)

    def test_no_empty_ones(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream().take(10, within=0.001))
                await asyncio.sleep(0.02)
                assert loop.got == []

        run(scenario)

    def test_none_of_a_generation_before(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream().take(2, within=0))
                feeding.feed(0, 1)
                feeding.app.consumer_generation_id += 1
                feeding.feed(5, 6)
                await settle()
                assert loop.got == [[5, 6]]

        run(scenario)

    def test_events(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream().take_events(2, within=0))
                feeding.feed(0, 1)
                await settle()
                assert [(event.value, event.message.offset) for event in loop.got[0]] == [(0, 0), (1, 1)]
                assert feeding.committable() == 2

        run(scenario)

    def test_whoever_has_unacknowledged_ones_says_when(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream().noack_take(2, within=0))
                feeding.feed(0, 1, 2, 3)
                await settle()
                assert ([len(events) for events in loop.got], feeding.committable()) == ([2, 2], 0)
                loop.got[0][0].ack()
                loop.got[1][0].ack()
                assert feeding.committable() == 1
                loop.got[0][1].ack()
                assert feeding.committable() == 3

        run(scenario)

    def test_time_of_each(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                stream = feeding.stream()
                loop = await looping(feeding, stream.take_with_timestamp(2, within=0, timestamp_field_name="at"))
                feeding.feed(raw(3, {"a": 1}), raw(4, {}))
                await settle()
                assert loop.got == [[{"a": 1, "at": 3.0}, {"at": 4.0}]]

        run(scenario)

    def test_skipped_ones_take_no_place(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                stream = feeding.stream()

                def odd(value: int) -> int:
                    if value % 2 == 0:
                        raise Skip
                    return value

                stream.add_processor(odd)
                loop = await looping(feeding, stream.take(2, within=0))
                feeding.feed(0, 1, 2, 3, 4)
                await settle()
                assert (loop.got, feeding.committable()) == ([[1, 3]], 5)

        run(scenario)

    def test_several_partitions_and_single_items(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                stream = feeding.stream()
                loop = await looping(feeding, stream.take(3, within=0))
                feeding.feed(0)
                await stream.channel.put("value")
                feeding.feed(1)
                await settle()
                assert (loop.got, feeding.committable()) == ([[0, "value", 1]], 2)

        run(scenario)

    def test_partitions_take_turns(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(turns, "TURN", 0.0005)

        def longer_than_a_turn(value: int) -> int:
            time.sleep(0.001)
            return value

        async def scenario() -> None:
            other = TP("flights", 1)
            async with fed(FLIGHTS, other) as feeding:
                stream = feeding.stream()
                stream.add_processor(longer_than_a_turn)
                loop = await looping(feeding, stream.take_events(1, within=0))
                feeding.feed(0, 1, 2)
                feeding.feed(0, 1, 2, tp=other)
                await settle(40)
                seen = [event.message.tp.partition for (event,) in loop.got]
                assert seen == [0, 1] * 3

        run(scenario)


class TestSideBySide:
    @pytest.mark.parametrize("is_undecodable", [False, True])
    def test_one_that_waits_takes_no_time_while_another_has_a_list(self, *, is_undecodable: bool) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                stream, looks = feeding.stream(), 0
                first = await looping(feeding, stream.take(1, within=0.2), is_open=False)
                second = await looping(feeding, stream.take(1, within=0.2), is_open=False)
                feeding.feed(0)
                async with asyncio.timeout(2.0):
                    while not (first.got or second.got):
                        await asyncio.sleep(0.005)
                look = stream._has_more

                async def counted(*args: Any, **options: Any) -> bool:
                    nonlocal looks
                    looks += 1
                    return bool(await look(*args, **options))

                stream._has_more = counted
                if is_undecodable:
                    feeding.feed(raw(1, b"{", is_json=False))
                else:
                    feeding.app.flow_control.suspend()
                await asyncio.sleep(0.3)
                assert looks < 10
                for task in (first.task, second.task):
                    task.cancel()
                await asyncio.gather(first.task, second.task, return_exceptions=True)
                feeding._tasks.clear()

        run(scenario)


class TestLeaving:
    def test_list_whose_loop_was_left_is_finished_with_the_next_loop(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                stream = feeding.stream()
                await stream.start()
                got: list[Any] = []
                between = asyncio.Event()

                async def body() -> None:
                    async for values in stream.take(2, within=0):
                        got.append(values)
                        break
                    await between.wait()
                    async for value in stream:
                        got.append(value)

                feeding.begin(body())
                await feeding.index()
                feeding.feed(0, 1, 2)
                await settle()
                assert (got, feeding.committable(), stream.enable_acks) == ([[0, 1]], 0, True)
                between.set()
                await settle()
                assert (got, feeding.committable()) == ([[0, 1], 2], 3)

        run(scenario)

    def test_cancelled_body_has_not_finished(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream().take(2, within=0), is_open=False)
                feeding.feed(0, 1)
                await settle()
                loop.task.cancel()
                await settle()
                assert feeding.committable() == 0

        run(scenario)

    def test_cancelled_in_the_moment_in_which_a_record_comes(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream().take(2, within=0))
                feeding.feed(0)
                loop.task.cancel()
                await settle()
                assert loop.task.cancelled()

        run(scenario)

    def test_list_that_waits_for_more_begins_when_its_seat_is_given_up(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream().take(10, within=60.0))
                feeding.feed(0, 1)
                await settle()
                assert feeding.consumer.in_flight() == ["flights[0]@0", "flights[0]@1"]
                assert await feeding.revoke_in_time()
                assert (loop.got, feeding.committed) == ([[0, 1]], {FLIGHTS: 2})

        run(scenario)

    def test_undecodable_one_is_raised_in_its_turn(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = feeding.stream().take(3, within=0)
                first = asyncio.ensure_future(anext(loop))
                await settle()
                await feeding.index()
                feeding.feed(0, raw(1, b"{", is_json=False), 2)
                assert await first == [0]
                with pytest.raises(DecodeError):
                    await anext(loop)
                assert feeding.committable() == 2

        run(scenario)
