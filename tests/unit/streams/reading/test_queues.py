"""Runs and single items in one queue: whoever takes from it gets each once, in order, and a waiter loses nothing."""

import asyncio
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP
from mode.utils.queues import FlowControlEvent

from framework.streams.reading.queues import ChannelQueue
from framework.streams.reading.runs import Slice
from tests.unit.streams.fakes import FLIGHTS, run, settle


def new_queue(maxsize: int = 100) -> ChannelQueue:
    flow = FlowControlEvent(initially_suspended=False)
    queue = ChannelQueue(maxsize, flow_control=flow, clear_on_resume=True)
    queue.to_event = lambda part, record: ("event", record.offset)
    return queue


def part_of(*offsets: int, size: int = 0) -> Slice:
    return Slice(FLIGHTS, [SimpleNamespace(offset=offset) for offset in offsets], 1, size=size)


def first_of(queue: ChannelQueue) -> Any:
    """What `head` gives where something waits."""
    try:
        queue.head().send(None)
    except StopIteration as result:
        return result.value
    raise AssertionError("nothing waits")


class Taker:
    """Takes as a stream does, and notes what it got."""

    def __init__(self, queue: ChannelQueue) -> None:
        self.got: list[Any] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.task = asyncio.ensure_future(self._take(queue))

    async def _take(self, queue: ChannelQueue) -> None:
        while True:
            first = await queue.head()
            if type(first) is not Slice:
                self.got.append(first)
                continue
            for record in first.rest:
                first.hold(record.offset)
                self.got.append(record.offset)
                await self.gate.wait()
            queue.settle(first)

    async def end(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


class TestWaiting:
    def test_head_waits_for_a_slice_and_leaves_it_there(self) -> None:
        async def scenario() -> None:
            queue, part = new_queue(), part_of(1, 2)
            waiting = asyncio.ensure_future(queue.head())
            await settle(3)
            assert not waiting.done()
            queue.put_slice(part)
            assert await waiting is part
            assert await queue.head() is part

        run(scenario)

    def test_head_takes_anything_else_out(self) -> None:
        async def scenario() -> None:
            queue = new_queue()
            await queue.put("single")
            assert await queue.head() == "single"
            assert queue.empty()

        run(scenario)

    def test_slices_and_single_items_in_their_order(self) -> None:
        async def scenario() -> None:
            queue = new_queue()
            taker = Taker(queue)
            queue.put_slice(part_of(1, 2))
            await queue.put("single")
            queue.put_slice(part_of(3))
            queue.put_slice(part_of(4, 5))
            await settle()
            assert taker.got == [1, 2, "single", 3, 4, 5]
            await taker.end()

        run(scenario)

    def test_waiter_that_is_cancelled_takes_no_other_ones_place(self) -> None:
        async def scenario() -> None:
            queue = new_queue()
            gone, stays = (asyncio.ensure_future(queue.head()) for _ in range(2))
            await settle(3)
            gone.cancel()
            await settle(3)
            queue.put_slice(part := part_of(1))
            assert await stays is part

        run(scenario)

    @pytest.mark.parametrize("is_slice", [True, False])
    def test_woken_and_cancelled_in_one_moment_wakes_the_next(self, is_slice: bool) -> None:
        async def scenario() -> None:
            queue = new_queue()
            gone, stays = (asyncio.ensure_future(queue.head()) for _ in range(2))
            await settle(3)
            item: Any = part_of(1) if is_slice else "single"
            queue.put_slice(item) if is_slice else queue.put_nowait(item)
            gone.cancel()
            assert await asyncio.wait_for(stays, 1.0) is item
            assert gone.cancelled()

        run(scenario)

    def test_all_who_wait_have_a_part_of_one_slice(self) -> None:
        async def scenario() -> None:
            queue = new_queue()
            takers = [Taker(queue) for _ in range(3)]
            for taker in takers:
                taker.gate.clear()
            await settle(3)
            queue.put_slice(part_of(1, 2, 3))
            await settle()
            assert sorted(taker.got for taker in takers) == [[1], [2], [3]]
            for taker in takers:
                await taker.end()

        run(scenario)


class TestErrors:
    def test_thrown_to_whoever_waits(self) -> None:
        async def scenario() -> None:
            queue = new_queue()
            waiting = asyncio.ensure_future(queue.head())
            await settle(3)
            await queue.throw(ValueError("bad"))
            with pytest.raises(ValueError, match="bad"):
                await waiting
            assert queue.empty()

        run(scenario)

    def test_before_any_record(self) -> None:
        async def scenario() -> None:
            queue, part = new_queue(), part_of(1)
            queue.put_slice(part)
            await queue.throw(ValueError("bad"))
            with pytest.raises(ValueError, match="bad"):
                await queue.head()
            assert await queue.head() is part

        run(scenario)

    def test_not_lost_with_a_waiter_that_is_cancelled_in_that_moment(self) -> None:
        async def scenario() -> None:
            queue = new_queue()
            gone = asyncio.ensure_future(queue.head())
            await settle(3)
            await queue.throw(ValueError("bad"))
            gone.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gone
            with pytest.raises(ValueError, match="bad"):
                await asyncio.wait_for(queue.head(), 1.0)

        run(scenario)


class TestClearing:
    def test_ends_a_loop_in_the_middle(self) -> None:
        async def scenario() -> None:
            queue = new_queue()
            taker = Taker(queue)
            taker.gate.clear()
            queue.put_slice(part_of(1, 2, 3))
            queue.put_slice(part_of(4))
            await settle()
            queue.clear()
            taker.gate.set()
            await settle()
            assert (taker.got, queue.qsize(), queue.empty()) == ([1], 0, True)
            queue.put_slice(part_of(2))
            await settle()
            assert taker.got == [1, 2]
            await taker.end()

        run(scenario)

    def test_what_is_cleared_is_dropped(self) -> None:
        queue, part = new_queue(), part_of(1, 2)
        queue.put_slice(part)
        queue.clear()
        assert part.is_dropped
        queue.put_back(part, [SimpleNamespace(offset=1)])
        assert queue.empty()

    def test_resumed_flow_clears(self) -> None:
        queue = new_queue()
        queue.put_slice(part_of(1))
        queue._flow_control.resume()
        assert queue.empty()


class TestRotation:
    def test_other_partitions_come_before_the_rest(self) -> None:
        queue = new_queue()
        first, second = part_of(0, 1), part_of(2, 3)
        other = Slice(TP("flights", 1), [SimpleNamespace(offset=0)], 1)
        for part in (first, other, second):
            queue.put_slice(part)
        assert queue.rotate(first)
        assert list(queue._queue) == list(queue._parts) == [other, first, second]
        assert not queue.rotate(first)

    def test_partition_alone_goes_on(self) -> None:
        queue = new_queue()
        first, second = part_of(0, 1), part_of(2, 3)
        queue.put_slice(first)
        queue.put_slice(second)
        assert not queue.rotate(first)
        assert list(queue._queue) == [first, second]
