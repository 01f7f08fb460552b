"""The queue of a channel: runs of records and single events; whoever takes from it gets one record at a time."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from mode.utils.queues import ThrowableQueue

from framework.streams.reading.runs import Slice

MAX_BYTES = 16 * 1024 * 1024
"""Bytes of values that may wait in one queue before no more of its partitions are fetched."""


class ChannelQueue(ThrowableQueue[Any]):
    """Faust's queue, in which an item may be a slice: many records that are taken one by one.

    Our streams work through the slice at its head. Anybody else, such as `async for event in topic`, gets events; each
    has to be acknowledged by whoever took it.

    How much waits is asked for often, and there may be thousands of slices with a record each: it is not counted anew
    each time. Only a slice that somebody has begun changes without a word, because a call for each record would cost
    too much. There are as many of those as there are takers and partitions, at most.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._queue: deque[Any]
        self._parts: deque[Slice] = deque()
        self._begun: set[Slice] = set()
        # Records of the slices that nobody has begun; bytes of all.
        self._untouched = self._bytes = 0
        self.to_event: Callable[[Slice, Any], Any] | None = None
        """Makes an event of a record that somebody takes out by itself; set by whoever puts slices in."""
        self.on_room: Callable[[ChannelQueue], None] | None = None
        """Called when a slice has been used up."""

    @property
    def is_crowded(self) -> bool:
        """Whether no more should be fetched for it."""
        return self.qsize() >= self.maxsize > 0 or self.waiting_bytes() >= MAX_BYTES

    def qsize(self) -> int:
        """How many records and other items wait."""
        return len(self._queue) - len(self._parts) + self._untouched + sum(map(len, self._begun))

    def waiting_bytes(self) -> int:
        """Bytes of the slices; of one that was begun all of them."""
        return self._bytes

    def empty(self) -> bool:
        """Whether nothing waits; slices that are used up go."""
        self._settle()
        return bool(super().empty())

    def put_slice(self, part: Slice) -> None:
        """Put a slice in; never waits."""
        part.queue = self
        self._parts.append(part)
        self._untouched += part.number
        self._bytes += part.size
        self.force_put_nowait(part)

    def _begin(self, part: Slice) -> None:
        """Count what is left of a slice from here on: it is about to be given away."""
        if part not in self._begun:
            self._begun.add(part)
            self._untouched -= part.number

    async def wait(self) -> None:
        """Wait until there is an item, or an error to be raised."""
        while self.empty():
            getter = asyncio.get_running_loop().create_future()
            self._getters.append(getter)
            try:
                await getter
            except asyncio.CancelledError:
                if getter.done() and not getter.cancelled() and (error := getter.exception()) is not None:
                    # It was thrown in the same moment, and nobody else has it.
                    self._errors.appendleft(error)
                getter.cancel()
                if getter in self._getters:
                    self._getters.remove(getter)
                elif not self.empty():
                    # It was woken and is cancelled in the same moment; the item is for another one.
                    self._wakeup_next(self._getters)
                raise

    async def head(self) -> Any:
        """The first item, as soon as there is one: a slice, which stays in the queue, or anything else, taken out.

        Raises:
            BaseException: whatever was thrown into the channel.
        """
        await self.wait()
        if self._errors:
            raise self._errors.popleft()
        first = self._queue[0]
        if type(first) is not Slice:
            return super().get_nowait()
        self._begin(first)
        # Others may wait for the rest of it.
        self._wakeup_next(self._getters)
        return first

    def wake_another(self) -> None:
        """Have somebody else take what there is; whoever was woken does not."""
        self._wakeup_next(self._getters)

    def settle(self, part: Slice) -> None:
        """Take a slice out that was used up."""
        if self._queue and self._queue[0] is part:
            self._settle()
            if self.on_room is not None:
                self.on_room(self)

    def rotate(self, part: Slice) -> bool:
        """Let other partitions have their turn before the rest of a slice; False if it is not first, or there are none.

        The later slices of its partition go with it, so that each partition keeps its order.
        """
        if not self._parts or self._queue[0] is not part or all(other.tp == part.tp for other in self._parts):
            return False
        for items in (self._queue, self._parts):
            behind = [item for item in items if type(item) is Slice and item.tp == part.tp]
            others = [item for item in items if type(item) is not Slice or item.tp != part.tp]
            items.clear()
            items.extend(others)
            items.extend(behind)
        return True

    def _settle(self) -> None:
        while self._queue and type(self._queue[0]) is Slice and not len(self._queue[0]):
            self._queue.popleft()
            part = self._parts.popleft()
            self._begin(part)
            self._begun.remove(part)
            self._bytes -= part.size
            part.release()

    def put_back(self, part: Slice, records: list[Any]) -> None:
        """Have records of a slice taken again, before everything else."""
        part.put_back(records)
        if part in self._parts:
            self._begin(part)
        elif len(part):
            self._queue.appendleft(part)
            self._parts.appendleft(part)
            self._begun.add(part)
            self._bytes += part.size
        self._wakeup_next(self._getters)

    def put_first(self, item: Any) -> None:
        """Put anything but a slice in, before everything else; never waits."""
        self._queue.appendleft(item)
        self._wakeup_next(self._getters)

    def _get(self) -> Any:
        self._settle()
        first = self._queue[0]
        if type(first) is not Slice:
            return self._queue.popleft()
        assert self.to_event is not None, "a slice without a maker of events"
        self._begin(first)
        record = next(first.rest)
        # Whoever takes it this way may never acknowledge it, and no rebalance waits for that.
        first.hold(record.offset, None)
        self.settle(first)
        # Others may wait for the rest of it.
        self._wakeup_next(self._getters)
        return self.to_event(first, record)

    def clear(self) -> None:
        """Drop everything; whoever is in the middle of a slice gets nothing more of it."""
        for part in self._parts:
            part.drop()
        self._parts.clear()
        self._begun.clear()
        self._untouched = self._bytes = 0
        super().clear()
