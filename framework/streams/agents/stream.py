"""Faust's stream with a loop of its own: it takes records by the slice and finishes them one by one."""

import asyncio
import weakref
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import structlog
from faust.agents.agent import current_agent
from faust.exceptions import DecodeError, KeyDecodeError
from faust.streams import _current_event
from faust.types.tuples import ack_lock
from orjson import JSONDecodeError, loads

from framework.streams.agents.bodies import current_body, was_cancelled_from_outside
from framework.streams.agents.counting import count_in_bulk
from framework.streams.agents.leaving import Handle
from framework.streams.agents.singles import NOTHING, Singles
from framework.streams.reading.decoding import BLESSED, Decoding
from framework.streams.reading.events import Event, Message, Reader
from framework.streams.reading.queues import ChannelQueue
from framework.streams.reading.runs import Slice
from framework.streams.sensors import HEARS_EACH

log = structlog.get_logger(__name__)

VALUES, EVENTS, ITEMS = range(3)
"""What a loop over a stream gets: values, events, or keys and values."""


class Stream(Singles):
    """Faust's stream.

    The position of a slice moves on when the body of a record has ended, which is when the loop asks for the next one.
    """

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._iterate(VALUES) if self.is_fast else super().__aiter__()

    def events(self) -> Any:
        """Iterate over events, as in Faust."""
        return self._iterate(EVENTS) if self.is_fast else super().events()

    def items(self) -> Any:
        """Iterate over keys and values, as in Faust."""
        return self._iterate(ITEMS) if self.is_fast else super().items()

    # --- the loop -----------------------------------------------------------------------------------------------------

    def _iterate(self, what: int) -> AsyncIterator[Any]:
        handle = Handle()
        return self._created(self._records(what, handle), handle)

    async def _records(self, what: int, handle: Handle) -> Any:
        """Take records and give them to the body.

        It is one function because a call for each record would cost as much as all the rest.

        A turn ends between two records, when nothing is in hand. Whatever happens meanwhile, a rebalance too, empties
        the slice, and the loop over it ends by itself.
        """
        await self._begin(handle)
        app, processors = self.app, self._processors
        channel: Any = self.channel
        queue: ChannelQueue = channel.queue
        reader = self._new_reader(handle)
        is_ordered = reader.is_ordered
        load, load_key, is_json = reader.decoding.load_value, reader.decoding.load_key, reader.decoding.is_json
        turns, set_current, new = app.turns, _current_event.set, object.__new__
        event: Any = None
        is_over = False
        deadline = turns.deadline()
        try:
            while not self.should_stop:
                if queue.empty():
                    await queue.wait()
                    deadline = turns.deadline()
                if self.is_abandoned(reader.body):
                    queue.wake_another()
                    break
                if monotonic() >= deadline:
                    # Not at the end of each slice: there may be thousands of short ones.
                    deadline = await turns.next()
                    continue
                part = await queue.head()
                if type(part) is not Slice:
                    event, value, state = await self._enter_single(part)
                    if value is not NOTHING and (event is not None or what == VALUES):
                        self.events_total += 1
                        yield value if what == VALUES else _as_wanted(event, what)
                    self._finish_single(event, value, state)
                    event = None
                    continue
                if part.generation != app.consumer_generation_id:
                    part.drop()
                if not len(part):
                    queue.settle(part)
                    continue
                turns.enter()
                began, offset, number, skipped = monotonic(), part.taken - 1, 0, 0
                counting = count_in_bulk(app.sensors, self, part)
                with_care = load is None or counting is None or self._has_merge
                if with_care:
                    self._say_why(load, counting)
                try:
                    for record in part.rest:
                        offset = record.offset
                        # Not if somebody else is at one of the slice, nor if it was put back and later ones are done.
                        in_turn = is_ordered and part.position == part.taken <= offset
                        if in_turn:
                            part.taken = offset + 1
                        else:
                            part.hold(offset)
                        try:
                            if load is None:
                                event, value = await self._decode(reader, part, record)
                                if self._is_for_the_next(reader.body, event):
                                    break
                            else:
                                if load_key is not None:
                                    key = load_key(record.key)
                                raw = record.value
                                if is_json and raw is not None:
                                    try:
                                        value = loads(raw)
                                        if value.__class__ is dict and BLESSED in value:
                                            value = load(raw)
                                    except JSONDecodeError:
                                        value = load(raw)
                                else:
                                    value = load(raw)
                                # As `Event(reader, part, record, value)`, which is a call.
                                event = new(Event)
                                event.reader, event.part, event.record, event.value = reader, part, record, value
                                if load_key is not None:
                                    event.key = key
                                set_current(event)
                        except DecodeError as error:
                            event = Event(reader, part, record, None)
                            await self._give_up(reader, part, record, error)
                            event = None
                            break
                        except BaseException:
                            # Memory is short, a codec in Rust has panicked, a schema of the user's own fails: it is
                            # this record that is left, and not the one before.
                            event = Event(reader, part, record, None)
                            raise
                        self.current_event = reader.event = event
                        if not in_turn:
                            part.held[offset] = weakref.ref(event)
                        if with_care or processors:
                            value = await self._process(event, value, hears_each=counting is None)
                            if event.is_settled:
                                # The body has failed meanwhile, and the next one gets it.
                                break
                        number += 1
                        if value is NOTHING:
                            skipped += 1
                        else:
                            yield value if what == VALUES else event if what == EVENTS else (event.key, event.value)
                        # The body has ended.
                        if self.open or self.current_event is not event:
                            self._pass(reader, event)
                        if event.is_settled:
                            # Another one has failed meanwhile, and the next is at this record.
                            break
                        if in_turn and event._message is None and part.position <= offset:
                            part.position = offset + 1
                        else:
                            self._finish(event, is_skipped=value is NOTHING)
                        if monotonic() >= deadline:
                            event = self.current_event = reader.event = None
                            self.events_total += number - skipped
                            if counting is not None:
                                counting.count(offset, number, monotonic() - began)
                            number = skipped = 0
                            if queue._errors or self.should_stop:
                                break
                            # First, so that nobody who comes meanwhile stands before the other partitions.
                            is_elsewhere = queue.rotate(part)
                            deadline = await turns.next()
                            began = monotonic()
                            if is_elsewhere or self.is_abandoned(reader.body):
                                break
                    if self.current_event is event:
                        self.current_event = None
                    event = reader.event = None
                finally:
                    turns.leave()
                    self.events_total += number - skipped
                    if counting is not None:
                        counting.count(offset, number, monotonic() - began)
                        counting.end()
                    queue.settle(part)
                    reader.notify()
        except StopAsyncIteration:
            is_over = True
        except asyncio.CancelledError:
            # Nobody cancels a loop whose body has its record: it waits there for nothing.
            self._leave(event, is_unseen=was_cancelled_from_outside())
            raise
        except BaseException:
            self._leave(event)
            raise
        finally:
            if is_over or self.should_stop:
                # Not where the loop is left: an agent that has failed goes on with this channel.
                self._channel_stop_iteration(channel)
            self.readers.remove(reader)
            await self._end(is_over=is_over)

    def _say_why(self, load: Any, counting: Any) -> None:
        """Say once what costs a call for each record."""
        if load is None:
            self.app.say_once("a schema, a registry or events of its own have a call for each record", self.channel)
        if counting is None:
            self.app.say_once(HEARS_EACH)

    @property
    def _has_merge(self) -> bool:
        return self.join_strategy is not None or type(self).on_merge is not Singles.on_merge

    def _new_reader(self, handle: Handle) -> Reader:
        decoding, notify = Decoding(self.app, self.channel), self.app.consumer.on_finished
        reader = Reader(self.app, decoding, notify, stream=self, task=asyncio.current_task())
        agent = current_agent()
        reader.agent = None if agent is None else agent.name
        reader.body = current_body()
        reader.iterator, reader.line = handle.iterator, handle.line
        self.readers.append(reader)
        reader.acks = self.enable_acks
        reader.is_ordered = self.enable_acks and self.concurrency_index is None
        return reader

    # --- one record ---------------------------------------------------------------------------------------------------

    async def _decode(self, reader: Reader, part: Slice, record: Any) -> tuple[Any, Any]:
        """The event and the value of a record, which is the current event from here on."""
        decoding = reader.decoding
        if decoding.load_value is not None:
            key = record.key if decoding.load_key is None else decoding.load_key(record.key)
            event: Any = Event(reader, part, record, decoding.load_value(record.value))
            event.key = key
            _current_event.set(event)
            return event, event.value
        message = Message(part, record, reader.notify)
        channel: Any = self.channel
        event = await channel.decode(message, propagate=True)
        event.part, event.record, event.reader, event._message = part, record, reader, message
        event.is_settled, event.sensor_state = False, None
        _current_event.set(weakref.ref(event))
        return event, event.value

    async def _give_up(self, reader: Reader, part: Slice, record: Any, error: DecodeError) -> None:
        """Do with a record that cannot be decoded what Faust does: the channel is told, and it counts as finished.

        The channel throws the error into its queue, where the next look finds it, before any later record. If whoever
        handles such records fails, it is as if a body had failed.
        """
        topic, partition = part.tp
        log.error("delivery.undecodable", topic=topic, partition=partition, offset=record.offset, error=str(error))
        message = Message(part, record, reader.notify)
        channel: Any = self.channel
        message.acked = True
        is_key = isinstance(error, KeyDecodeError)
        await (channel.on_key_decode_error if is_key else channel.on_value_decode_error)(error, message)
        self.current_event = None
        part.finish(record.offset)

    async def _process(self, event: Any, value: Any, *, hears_each: bool) -> Any:
        """Do what comes before the body; `NOTHING` where a processor skips the event."""
        if hears_each:
            self._tell_in(event)
        return await self._prepare(value)

    def _finish(self, event: Any, *, is_skipped: bool) -> None:
        """Count a record as finished, unless somebody else will, or keeps its message."""
        if not (event.reader.acks or is_skipped or getattr(event, "has_failed", False)):
            return
        if event._message is None:
            event.part.finish(event.record.offset)
            return
        message = event._message
        with ack_lock:
            message.ack(self.app.consumer)
            if not message.acked:
                event.part.hold(message.offset, weakref.ref(event))
        self._tell_out(event)


def _as_wanted(event: Any, what: int) -> Any:
    return event if what == EVENTS else (event.key, event.value)
