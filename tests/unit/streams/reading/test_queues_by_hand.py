"""What is put back into a queue with runs in it, what others take out of it by hand, and how full it is."""

import asyncio

import pytest

from framework.streams.reading import queues
from tests.unit.streams.fakes import run, settle
from tests.unit.streams.reading.test_queues import Taker, first_of, new_queue, part_of


class TestPuttingBack:
    def test_before_what_waits(self) -> None:
        async def scenario() -> None:
            queue, first = new_queue(), part_of(1, 2)
            queue.put_slice(first)
            queue.put_slice(part_of(3))
            queue.put_back(first, [next(first.rest)])
            taker = Taker(queue)
            await settle()
            assert taker.got == [1, 2, 3]
            await taker.end()

        run(scenario)

    def test_of_a_slice_that_was_used_up(self) -> None:
        async def scenario() -> None:
            queue, first = new_queue(), part_of(1, 2)
            queue.put_slice(first)
            queue.put_slice(part_of(3))
            records = list(first.rest)
            queue.settle(first)
            queue.put_back(first, records[1:])
            taker = Taker(queue)
            await settle()
            assert taker.got == [2, 3]
            await taker.end()

        run(scenario)

    def test_of_two_slices_keeps_their_order(self) -> None:
        async def scenario() -> None:
            queue, first, second = new_queue(), part_of(1, 2), part_of(3, 4)
            queue.put_slice(first)
            queue.put_slice(second)
            taken = {part: list(part.rest) for part in (first, second)}
            queue.settle(first)
            for part in (second, first):
                queue.put_back(part, taken[part])
            taker = Taker(queue)
            await settle()
            assert taker.got == [1, 2, 3, 4]
            await taker.end()

        run(scenario)

    def test_wakes_who_waits(self) -> None:
        async def scenario() -> None:
            queue, part = new_queue(), part_of(1)
            queue.put_slice(part)
            (record,) = part.rest
            queue.settle(part)
            waiting = asyncio.ensure_future(queue.head())
            await settle(3)
            queue.put_back(part, [record])
            assert await asyncio.wait_for(waiting, 1.0) is part

        run(scenario)


class TestTakingByHand:
    def test_get_gives_events_and_single_items(self) -> None:
        async def scenario() -> None:
            queue = new_queue()
            queue.put_slice(part_of(1, 2))
            await queue.put("single")
            queue.put_slice(part_of(3))
            assert [await queue.get() for _ in range(4)] == [("event", 1), ("event", 2), "single", ("event", 3)]
            assert queue.empty()

        run(scenario)

    def test_get_waits(self) -> None:
        async def scenario() -> None:
            queue = new_queue()
            waiting = asyncio.ensure_future(queue.get())
            await settle(3)
            queue.put_slice(part_of(1))
            assert await waiting == ("event", 1)

        run(scenario)

    def test_all_who_wait_get_one(self) -> None:
        async def scenario() -> None:
            queue = new_queue()
            waiting = [asyncio.ensure_future(queue.get()) for _ in range(2)]
            await settle(3)
            queue.put_slice(part_of(1, 2))
            assert await asyncio.wait_for(asyncio.gather(*waiting), 1.0) == [("event", 1), ("event", 2)]

        run(scenario)

    def test_get_nowait(self) -> None:
        queue, part = new_queue(), part_of(1)
        queue.put_slice(part)
        assert queue.get_nowait() == ("event", 1)
        with pytest.raises(asyncio.QueueEmpty):
            queue.get_nowait()

    def test_taken_one_is_held_until_it_is_finished(self) -> None:
        queue, part = new_queue(), part_of(1, 2)
        queue.put_slice(part)
        queue.get_nowait()
        queue.get_nowait()
        assert part.unfinished == 1
        part.finish(2)
        assert part.unfinished == 1
        part.finish(1)
        assert part.is_finished

    def test_beside_a_loop(self) -> None:
        async def scenario() -> None:
            queue = new_queue()
            taker = Taker(queue)
            taker.gate.clear()
            queue.put_slice(part_of(1, 2, 3))
            await settle()
            assert await queue.get() == ("event", 2)
            taker.gate.set()
            await settle()
            assert taker.got == [1, 3]
            await taker.end()

        run(scenario)


class TestRoom:
    def test_counts_records_and_items(self) -> None:
        queue, part = new_queue(), part_of(1, 2, 3)
        queue.put_slice(part)
        queue.force_put_nowait("single")
        assert queue.qsize() == 4
        next(first_of(queue).rest)
        assert queue.qsize() == 3

    def test_crowded_by_records(self) -> None:
        queue, part = new_queue(maxsize=2), part_of(1, 2)
        assert not queue.is_crowded
        queue.put_slice(part)
        assert queue.is_crowded
        next(first_of(queue).rest)
        assert not queue.is_crowded

    def test_crowded_by_bytes_until_the_slice_is_used_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(queues, "MAX_BYTES", 10)
        queue, part = new_queue(), part_of(1, 2, size=10)
        queue.put_slice(part)
        next(first_of(queue).rest)
        assert queue.is_crowded
        next(part.rest)
        queue.settle(part)
        assert not queue.is_crowded

    def test_without_a_limit_only_bytes_count(self) -> None:
        queue = new_queue(maxsize=0)
        queue.put_slice(part_of(*range(1000)))
        assert not queue.is_crowded

    def test_says_when_a_slice_was_used_up(self) -> None:
        queue, said = new_queue(), []
        queue.on_room = lambda queue: said.append(queue.qsize())
        first = part_of(1)
        queue.put_slice(first)
        queue.put_slice(part_of(2, 3))
        list(first.rest)
        queue.settle(first)
        assert said == [2]

    def test_used_up_slices_are_not_there(self) -> None:
        queue, part = new_queue(), part_of(1)
        queue.put_slice(part)
        list(part.rest)
        assert queue.empty()
        assert queue.waiting_bytes() == 0
