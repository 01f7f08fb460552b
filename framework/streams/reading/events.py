"""Faust's events and messages, made from a record's parts when somebody looks at them."""

import weakref
from typing import Any

import faust
import structlog
from faust.types.tuples import ConsumerMessage

from framework.streams.reading.runs import Slice

log = structlog.get_logger(__name__)

NOT_ACKNOWLEDGED = "an `async with` of it ended by an error after the loop had gone on; no commit passes it"


class Asking:
    """In place of a task that has asked for the first record of a loop and has nothing else to do.

    `create_task(anext(loop))` makes such a one; what it runs is no coroutine. It keeps the loop for as long as it is
    kept itself. A reader that had it would keep its own loop, which nobody could leave then. All that such a task gets
    is handed on to whoever has begun it.
    """

    __slots__ = ("_task",)

    def __init__(self, task: Any) -> None:
        self._task = weakref.ref(task)

    def done(self) -> bool:
        """Whether it has ended."""
        task = self._task()
        return task is None or bool(task.done())

    def cancelling(self) -> int:
        """As of the task."""
        task = self._task()
        return 0 if task is None else int(task.cancelling())


class Reader:
    """What takes the records that events are of.

    Attributes:
        stream: the stream.
        task: the asyncio task that iterates it, or `Asking`; None for whoever takes events out of a channel by itself.
        iterator: a weak reference to its loop, dead when that was left; None for whoever has none.
        line: who has begun the loop; None for whoever has none.
        body: the run of an agent's body, or of a task of the app, on whose behalf it does; None for nobody's.
        loop: the event loop of that task.
        agent: name of the agent whose body has them; None outside agents.
        is_ordered: one task takes event by event, and each is finished before the next is taken.
        acks: whether events are finished by the loop going on; else whoever has them acknowledges them.
        decoding: how the channel's keys are read.
        app: the app.
        notify: called when a record that is held has been finished.
        event: what the loop over the stream has in hand.
    """

    __slots__ = (
        *("acks", "agent", "app", "body", "decoding", "event", "is_ordered", "iterator", "line", "loop", "notify"),
        *("stream", "task"),
    )

    def __init__(self, app: Any, decoding: Any, notify: Any, *, stream: Any = None, task: Any = None) -> None:
        self.app, self.decoding, self.notify, self.stream = app, decoding, notify, stream
        self.task: Any = task
        self.loop = None
        if task is not None:
            self.loop = task.get_loop()
            if not hasattr(task.get_coro(), "cr_frame"):
                self.task = Asking(task)
        self.iterator: Any = None
        self.line: Any = None
        self.agent: str | None = None
        self.body: Any = None
        self.event: Any = None
        self.is_ordered = False
        self.acks = True


class Message(ConsumerMessage):
    """The message of an event; acknowledged in the slice that its record came in.

    Attributes:
        is_in: whether sensors that hear of each message have heard of it, and not of its end.
    """

    def __init__(self, part: Slice, record: Any, notify: Any) -> None:
        key, value, timestamp = record.key, record.value, record.timestamp
        super().__init__(
            part.tp.topic,
            part.tp.partition,
            record.offset,
            None if timestamp is None else timestamp / 1000.0,
            record.timestamp_type,
            tuple(record.headers),
            key,
            value,
            record.checksum,
            -1 if key is None else len(key),
            -1 if value is None else len(value),
            part.tp,
            generation_id=part.generation,
        )
        self.part, self.notify = part, notify
        self.refcount, self.tracked = 1, True
        self.is_in = False

    def on_final_ack(self, consumer: Any) -> bool:  # noqa: ARG002 - Faust's
        """Called under Faust's lock when nobody needs the message any more."""
        self.acked = True
        self.part.finish(self.offset)
        self.notify()
        return True


def place_of(event: Any) -> str:
    """Where the record of an event is, as `topic[partition]@offset`; of events of the user's own classes, too."""
    return f"{event.part.tp.topic}[{event.part.tp.partition}]@{event.record.offset}"


class PlainEvent(faust.Event):
    """Faust's event; `async with` acknowledges it where the block ends well. In Faust it does so in any case."""

    has_failed = False
    """Whether an `async with` of it has ended by an error. It is finished when the loop goes on all the same."""
    is_passed = False
    """Whether whoever has it to acknowledge has gone on since its loop was left."""

    async def __aexit__(self, kind: Any = None, error: Any = None, trace: Any = None) -> None:
        reader: Reader | None = getattr(self, "reader", None)
        if kind is None or reader is None or reader.task is None:
            # Also on Faust's own path, and of an event that no loop has.
            self.ack()
        elif reader.event is self:
            self.has_failed = True
        elif not reader.acks:
            log.warning("delivery.not_acknowledged", place=place_of(self), error=repr(error), reason=NOT_ACKNOWLEDGED)


class Event(PlainEvent):
    """An event of a record; key, headers and message are read when they are asked for.

    It stands for itself where Faust keeps a weak reference to the current event: calling it gives it.
    """

    _key: Any = None
    _has_key = False
    _headers: Any = None
    _message: Message | None = None
    acked = False
    is_settled = False
    """Whether somebody has said what becomes of it, after its loop was left."""
    sensor_state: Any = None
    """What sensors that hear of each event have said at its begin; None where they do not, or have heard of its end."""

    def __init__(self, reader: Reader, part: Slice, record: Any, value: Any) -> None:
        self.reader = reader
        self.part = part
        self.record = record
        self.value = value

    def __call__(self) -> "Event":
        return self

    @property
    def app(self) -> Any:
        """The app."""
        return self.reader.app

    @property
    def key(self) -> Any:
        """The key, decoded."""
        if not self._has_key:
            load, raw = self.reader.decoding.load_key, self.record.key
            self._key, self._has_key = raw if load is None else load(raw), True
        return self._key

    @key.setter
    def key(self, key: Any) -> None:
        self._key, self._has_key = key, True

    @property
    def headers(self) -> Any:
        """The headers as a dict."""
        if self._headers is None:
            self._headers = dict(self.record.headers)
        return self._headers

    @headers.setter
    def headers(self, headers: Any) -> None:
        self._headers = headers

    @property
    def message(self) -> Any:
        """The message."""
        if self._message is None:
            self._message = Message(self.part, self.record, self.reader.notify)
        return self._message

    @message.setter
    def message(self, message: Any) -> None:
        self._message = message

    def ack(self) -> bool:
        """As in Faust."""
        if self._message is not None:
            return bool(self._message.ack(self.app.consumer))
        if not self.part.is_taken(self.record.offset):
            return False
        self.part.finish(self.record.offset)
        self.reader.notify()
        return True
