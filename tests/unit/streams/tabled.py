"""A process with one table, between its events and its changelog, without Kafka.

What is real is the app, the table, its store and the recovery's way of applying records. The producer keeps what is
sent, as the changelog would have it: in `sent` what is sent at once, in `outbox` what was collected.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from weakref import ref

from faust.events import Event
from faust.streams import _current_event
from faust.types import TP
from faust.types.tuples import ConsumerMessage, RecordMetadata

from framework import App
from framework.streams.tables.authors import Author
from tests.unit.membership.apps import offline_app
from tests.unit.streams.fakes import settle

SOURCE = TP("flights", 0)
CHANGELOG = TP("flights-totals-changelog", 0)

Op = tuple[str, int | None]
"""A key, and what to add to it; None deletes it."""


def message_of(
    tp: TP, offset: int, *, key: bytes = b"k", value: bytes | None = b"1", headers: Any = None, at: float = 1
) -> Any:
    """A record as Faust's consumer gives it; `at` is its timestamp in seconds."""
    return ConsumerMessage(
        tp.topic, tp.partition, offset, at, 0, headers, key, value, None, None, None, tp, generation_id=0
    )


class FakeSent:
    """A fake of the outbox's `Sent`, and the record that it stands for."""

    def __init__(self, key: bytes, value: bytes | None, headers: Any) -> None:
        self.key, self.value, self.headers = key, value, tuple(headers)
        self.offset: int | None = None
        self._callbacks: list[Callable[[Any], Any]] = []

    def done(self) -> bool:
        return self.offset is not None

    @property
    def parcel(self) -> Any:
        return self

    def result(self) -> Any:
        assert self.offset is not None
        return RecordMetadata(CHANGELOG.topic, 0, CHANGELOG, self.offset, None, None)

    def add_done_callback(self, callback: Callable[[Any], Any]) -> None:
        self._callbacks.append(callback)

    def confirm(self, offset: int) -> None:
        self.offset = offset
        for callback in self._callbacks:
            asyncio.get_running_loop().call_soon(callback, self)


class FakeOutbox:
    """A fake of the outbox.

    Attributes:
        sents: all that was posted.
        room: how many records it takes before those who post have to wait.
        error: what was lost, if anything.
    """

    def __init__(self) -> None:
        self.sents: list[FakeSent] = []
        self.room = 10**9
        self.error: Exception | None = None
        self.has_room = asyncio.Event()

    def topic(self, name: str) -> Any:
        assert name == CHANGELOG.topic
        return self

    def post_many(self, partition: int, records: Iterator[Any]) -> Any:
        assert partition == CHANGELOG.partition
        sent = None
        for key, value, headers in records:
            posted = self._post_now(key, value, headers)
            if posted is None:
                return sent, (key, value, headers)
            sent = posted
        return sent, None

    def _post_now(self, key: bytes, value: bytes | None, headers: Any) -> Any:
        if self.room <= 0:
            return None
        self.room -= 1
        self.sents.append(FakeSent(key, value, headers))
        return self.sents[-1]

    async def post(self, topic: str, partition: int, key: bytes, value: bytes | None, *, headers: Any = ()) -> Any:
        assert (topic, partition) == CHANGELOG
        while (sent := self._post_now(key, value, headers)) is None:
            self.has_room.clear()
            await self.has_room.wait()
        return sent

    def raise_if_lost(self) -> None:
        if self.error is not None:
            raise self.error


class Process:
    """One process life.

    Attributes:
        sent: what was handed to the producer at once, in order; the changelog's offsets begin at `first`.
        outbox: what was collected and handed over.
    """

    def __init__(
        self,
        *,
        changelog: Sequence[Any] = (),
        folder: Path | None = None,
        kind: str = "Table",
        is_fast: bool = False,
        **settings: Any,
    ) -> None:
        store = "memory://" if folder is None else "rocksdb://"
        self.app: App = offline_app(store=store, fast_delivery=is_fast, **settings)
        if folder is not None:
            self.app.conf.tabledir = folder
        self.sent: list[Any] = []
        self.app._producer = SimpleNamespace(
            send_soon=self.sent.append, key_partition=lambda topic, key: CHANGELOG, outbox=FakeOutbox()
        )
        self.outbox: FakeOutbox = self.app._producer.outbox
        self.app._consumer = SimpleNamespace(topic_partitions=lambda topic: None)
        self.table: Any = getattr(self.app, kind)("totals", **({} if "Set" in kind else {"default": int}))
        self.app.tables._changelogs[CHANGELOG.topic] = self.table
        self.author: Any = None
        self.table._authors = SimpleNamespace(current=lambda: self.author)
        self.first = len(changelog)
        self.recover(changelog)

    def recover(self, changelog: Sequence[Any]) -> None:
        """Apply what the store does not have."""
        persisted = self.table.persisted_offset(CHANGELOG)
        rest = [message for message in changelog if persisted is None or message.offset > persisted]
        events = [Event(self.app, self.table._to_key(self._key(m)), self._value(m), {}, m) for m in rest]
        if events:
            self.table.apply_changelog_batch(events)

    def _key(self, message: Any) -> Any:
        return self.app.serializers.loads_key(None, message.key, serializer="json")

    def _value(self, message: Any) -> Any:
        return self.app.serializers.loads_value(None, message.value, serializer="json")

    def process(self, offset: int, ops: Iterable[Op], *, agent: str = "sums", tp: TP = SOURCE, at: float = 1) -> None:
        """Have an agent's body make changes for one event."""
        with self.turn(offset, agent=agent, tp=tp, at=at):
            for key, amount in ops:
                if amount is not None:
                    self.table[key] += amount
                else:
                    with suppress(KeyError):
                        del self.table[key]

    @contextmanager
    def turn(self, offset: int, *, agent: str = "sums", tp: TP = SOURCE, at: float = 1) -> Iterator[None]:
        """While an agent's body has one event."""
        message = message_of(tp, offset, at=at)
        event = Event(self.app, None, None, {}, message)
        token = _current_event.set(ref(event))
        self.author = Author(agent, tp, offset, round(at * 1000), message)
        yield
        self.author = None
        _current_event.reset(token)

    def changelog(self) -> list[Any]:
        """What was sent, as records."""
        if self.outbox.sents:
            return [
                message_of(CHANGELOG, self.first + number, key=sent.key, value=sent.value, headers=sent.headers)
                for number, sent in enumerate(self.outbox.sents)
            ]
        return [
            message_of(
                CHANGELOG,
                self.first + number,
                key=sent.message.key,
                value=sent.message.value,
                headers=tuple(dict(sent.message.headers).items()),
            )
            for number, sent in enumerate(self.sent)
        ]

    async def flush(self) -> None:
        """Hand over what was changed, and have it confirmed."""
        await self.app.tables.flush()
        await self.confirm_posted(len(self.outbox.sents))

    async def confirm_posted(self, count: int) -> None:
        """Have the broker confirm the first `count` records of what was collected and handed over."""
        for number, sent in enumerate(self.outbox.sents[:count]):
            if not sent.done():
                sent.confirm(self.first + number)
        await settle(20)

    def confirm(self, count: int) -> None:
        """Have the broker confirm the first `count` of what was sent at once."""
        for number, sent in enumerate(self.sent[:count]):
            if not sent.done():
                offset = self.first + number
                sent.set_result(RecordMetadata(CHANGELOG.topic, 0, CHANGELOG, offset, None, None))
                self.table._on_changelog_sent(sent)

    def kill(self) -> None:
        """End without a stop; a database is closed, as the system does it for a killed process."""
        store = getattr(self.table.data, "storage", self.table.data)
        if hasattr(store, "_dbs"):
            for db in store._dbs.values():
                db.close()
            store._dbs.clear()

    def contents(self) -> dict[str, int]:
        """The table as agents see it."""
        self.app.assignor.assigned_actives = lambda: {CHANGELOG}
        return dict(self.table.items())
