"""Whatever comes into a queue and goes out of it: what it says that waits is what a count gives."""

from types import SimpleNamespace
from typing import Any

from faust.types import TP
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from framework.streams.reading.runs import Slice
from tests.unit.streams.reading.test_queues import first_of, new_queue


class Counting(RuleBasedStateMachine):
    """Takers do as the streams do: they ask for what is first, and keep a slice while others come before it.

    Attributes:
        taken: `[(slice, records that were taken of it)]`, for each that somebody has begun, also used up.
    """

    def __init__(self) -> None:
        super().__init__()
        self.queue = new_queue(maxsize=0)
        self.taken: list[tuple[Slice, list[Any]]] = []
        self.ends = [0, 0, 0]

    @rule(partition=st.integers(0, 2), count=st.integers(1, 4), size=st.integers(0, 9))
    def put_slice(self, partition: int, count: int, size: int) -> None:
        first = self.ends[partition]
        self.ends[partition] += count
        records = [SimpleNamespace(offset=offset) for offset in range(first, first + count)]
        self.queue.put_slice(Slice(TP("flights", partition), records, 1, size=size))

    @rule()
    def put_single(self) -> None:
        self.queue.put_nowait("single")

    @precondition(lambda self: self.queue._queue)
    @rule(count=st.integers(0, 5))
    def begin(self, count: int) -> None:
        """Somebody asks for what is first, and takes some of it."""
        if self.queue.empty():
            return
        part = first_of(self.queue)
        if type(part) is Slice:
            if part not in (begun for begun, _ in self.taken):
                self.taken.append((part, []))
            self._take(part, count)

    @precondition(lambda self: self.taken)
    @rule(data=st.data(), count=st.integers(1, 5))
    def go_on(self, data: Any, count: int) -> None:
        """Whoever has a slice takes more of it, wherever it stands by now."""
        self._take(data.draw(st.sampled_from(self.taken))[0], count)

    def _take(self, part: Slice, count: int) -> None:
        (records,) = (records for begun, records in self.taken if begun is part)
        for record in [record for record, _ in zip(part.rest, range(count), strict=False)]:
            part.hold(record.offset)
            records.append(record)

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def settle(self, data: Any) -> None:
        self.queue.settle(data.draw(st.sampled_from(self.taken))[0])

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def drop(self, data: Any) -> None:
        """Whoever has it finds that it is of another generation."""
        data.draw(st.sampled_from(self.taken))[0].drop()

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def rotate(self, data: Any) -> None:
        self.queue.rotate(data.draw(st.sampled_from(self.taken))[0])

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def put_back(self, data: Any) -> None:
        """Whoever has taken the last ones of a slice has failed, and the slice may be used up."""
        part, records = data.draw(st.sampled_from(self.taken))
        self.queue.put_back(part, [records.pop() for _ in range(data.draw(st.integers(0, len(records))))][::-1])

    @rule()
    def take_by_hand(self) -> None:
        if not self.queue.empty():
            self.queue.get_nowait()

    @rule()
    def clear(self) -> None:
        self.queue.clear()

    @invariant()
    def counts_are_right(self) -> None:
        parts = [item for item in self.queue._queue if type(item) is Slice]
        singles = len(self.queue._queue) - len(parts)
        assert self.queue.qsize() == singles + sum(len(part) for part in parts)
        assert self.queue.waiting_bytes() == sum(part.size for part in parts)
        assert self.queue._begun <= set(parts)
        if not parts:
            assert self.queue._untouched == 0


TestCounting = Counting.TestCase
