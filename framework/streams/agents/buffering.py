"""Faust's `take` and its kin: lists of values whose records are finished together."""

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable
from time import monotonic
from typing import Any

from faust.exceptions import DecodeError
from faust.streams import _current_event
from mode import Seconds, want_seconds

from framework.streams.agents.bodies import was_cancelled_from_outside
from framework.streams.agents.counting import count_in_bulk
from framework.streams.agents.leaving import Handle
from framework.streams.agents.singles import NOTHING
from framework.streams.agents.stream import Stream as BaseStream
from framework.streams.reading.events import Event, Reader
from framework.streams.reading.queues import ChannelQueue
from framework.streams.reading.runs import Slice

LOOK_EVERY = 0.25
"""Seconds after which somebody who waits for a full list looks whether its seat is given up."""

Pick = Callable[[Any, Any], Any]
"""What of an event and its value goes into the list."""


class Stream(BaseStream):
    """Our stream with lists.

    Faust has a second task read the stream. When the body has failed, or the loop was left, that task goes on, and
    acknowledges what it reads. Here whoever wants the next list reads.
    """

    def take(self, max_: int, within: Seconds) -> Any:
        """Iterate over lists of values, as in Faust."""
        return self._lists(max_, within, lambda _, value: value) if self.is_fast else super().take(max_, within)

    def take_events(self, max_: int, within: Seconds) -> Any:
        """Iterate over lists of events, as in Faust."""
        return self._lists(max_, within, lambda event, _: event) if self.is_fast else super().take_events(max_, within)

    def noack_take(self, max_: int, within: Seconds) -> Any:
        """Iterate over lists of events that the body acknowledges by itself, as in Faust."""
        if not self.is_fast:
            return super().noack_take(max_, within)
        return self._lists(max_, within, lambda event, _: event, acks=False)

    def take_with_timestamp(self, max_: int, within: Seconds, timestamp_field_name: str) -> Any:
        """Iterate over lists of values with the time of each, as in Faust."""
        if not self.is_fast:
            return super().take_with_timestamp(max_, within, timestamp_field_name)

        def stamped(event: Any, value: Any) -> Any:
            if isinstance(value, dict) and timestamp_field_name:
                value[timestamp_field_name] = event.message.timestamp
            return value

        return self._lists(max_, within, stamped)

    def _lists(self, max_: int, within: Seconds, pick: Pick, *, acks: bool = True) -> AsyncIterator[list[Any]]:
        handle = Handle()
        return self._created(self._buffer(max_, want_seconds(within) if within else None, pick, acks, handle), handle)

    async def _buffer(self, max_: int, timeout: float | None, pick: Pick, acks: bool, handle: Handle) -> Any:
        await self._begin(handle)
        reader = self._new_reader(handle)
        reader.acks, reader.is_ordered = acks, False
        is_over, is_seen, turns = False, False, self.app.turns
        turn_ends = turns.deadline()
        try:
            while not (self.should_stop or self.is_abandoned(reader.body)):
                values: list[Any] = []
                ends_at = monotonic() + timeout if timeout else None
                while len(values) < max_ and await self._has_more(ends_at, reader, has_some=bool(values)):
                    await self._fill(reader, values, max_, pick, turn_ends)
                    if monotonic() >= turn_ends:
                        turn_ends = await turns.next()
                if monotonic() >= turn_ends:
                    # Also for the lease, which may have ended while the list was waited for.
                    turn_ends = await turns.next()
                if values and not self.is_abandoned(reader.body):
                    is_seen = True
                    yield values
                    is_seen = False
                    if self.open or len(self.listed) > len(values):
                        self._pass(reader, None)
                    self._close_list(reader)
        except StopAsyncIteration:
            is_over = True
            self._channel_stop_iteration(self.channel)
        except BaseException:
            for event in self._listed_by(reader):
                self._leave(event, is_unseen=not is_seen)
            raise
        finally:
            self.readers.remove(reader)
            await self._end(is_over=is_over)

    async def _has_more(self, ends_at: float | None, reader: Reader, *, has_some: bool) -> bool:
        """Wait for a next record; with some in the list not beyond the time, an error, or the begin of a rebalance."""
        channel: Any = self.channel
        queue: ChannelQueue = channel.queue
        if self.is_abandoned(reader.body):
            # It has failed while others had their turn, and the next body gets what was in the list.
            return False
        if has_some and queue._errors:
            return False
        while queue.empty():
            if has_some and not self.app.flow_control.is_active():
                return False
            remaining = LOOK_EVERY if ends_at is None else ends_at - monotonic()
            if remaining <= 0 or self.should_stop:
                return False
            # Not `wait_for`: it can swallow that it was cancelled.
            try:
                async with asyncio.timeout(min(LOOK_EVERY, remaining)) as timer:
                    await queue.wait()
            except TimeoutError:
                # Else one that was thrown into the channel.
                if not timer.expired():
                    raise
            if self.is_abandoned(reader.body):
                queue.wake_another()
                return False
        return ends_at is None or monotonic() < ends_at or not has_some

    async def _fill(self, reader: Reader, values: list[Any], max_: int, pick: Pick, turn_ends: float) -> None:
        """Add what is next in the queue: one item, or as many records of a slice as there is room and time for."""
        channel: Any = self.channel
        queue: ChannelQueue = channel.queue
        part = await queue.head()
        before = _current_event.get(None)
        try:
            if type(part) is Slice:
                await self._fill_from(part, reader, values, max_, pick, turn_ends)
                queue.settle(part)
                if monotonic() >= turn_ends:
                    queue.rotate(part)
                return
            event, value, state = await self._enter_single(part)
            if value is NOTHING:
                self._finish_single(event, value, state)
            else:
                self.listed += [event] if event is not None else []
                values.append(pick(event, value))
        finally:
            # The body does not run for one event.
            _current_event.set(before)

    async def _fill_from(
        self, part: Slice, reader: Reader, values: list[Any], max_: int, pick: Pick, turn_ends: float
    ) -> None:
        if part.generation != self.app.consumer_generation_id:
            part.drop()
            return
        counting = count_in_bulk(self.app.sensors, self, part)
        waits = reader.decoding.load_value is None or bool(self._processors) or self._has_merge
        number, began, offset = 0, monotonic(), part.taken
        event: Any = None
        record: Any = None
        try:
            for record in part.rest:
                offset = record.offset
                part.hold(offset)
                event = None
                try:
                    event, value = await self._decode(reader, part, record)
                except DecodeError as error:
                    await self._give_up(reader, part, record, error)
                    record = None
                    break
                self.current_event = event
                part.held[offset] = weakref.ref(event)
                if counting is None or self._processors or self._has_merge:
                    value = await self._process(event, value, hears_each=counting is None)
                number += 1
                if waits and (event.is_settled or self._is_for_the_next(reader.body, event)):
                    record = None
                    break
                if value is NOTHING:
                    self._finish(event, is_skipped=True)
                else:
                    self.events_total += 1
                    self.listed.append(event)
                    values.append(pick(event, value))
                record = None
                if len(values) >= max_ or monotonic() >= turn_ends:
                    break
        except BaseException as error:
            if record is not None:
                is_unseen = isinstance(error, asyncio.CancelledError) and was_cancelled_from_outside()
                self._leave(event or Event(reader, part, record, None), is_unseen=is_unseen)
            raise
        finally:
            # Also where a processor has failed, or whoever waits for the list was cancelled.
            if counting is not None:
                counting.count(offset, number, monotonic() - began)
                counting.end()

    def _listed_by(self, reader: Reader) -> list[Any]:
        """What one loop has listed; what came one by one is taken for its own."""
        return [
            event for event in self.listed if getattr(event, "reader", reader) is reader or _is_foreign(event, self)
        ]

    def _close_list(self, reader: Reader) -> None:
        """The body has done with a list."""
        closed = self._listed_by(reader)
        self.listed = [] if len(closed) == len(self.listed) else [e for e in self.listed if e not in set(closed)]
        self.current_event = None
        if reader.acks:
            for event in closed:
                event.ack()


def _is_foreign(event: Any, stream: Any) -> bool:
    return event.reader.stream is not stream
