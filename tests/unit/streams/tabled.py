"""A process with one table, between its events and its changelog, without Kafka.

What is real is the app, the table, its store and the recovery's way of applying records. The producer keeps what is
sent in `sent`, as the changelog would have it.
"""

from collections.abc import Iterable, Iterator, Sequence
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
from tests.unit.membership.apps import offline_app

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


class Process:
    """One process life.

    Attributes:
        sent: what was handed to the producer, in order; the changelog's offsets begin at `first`.
    """

    def __init__(
        self, *, changelog: Sequence[Any] = (), folder: Path | None = None, kind: str = "Table", **settings: Any
    ) -> None:
        store = "memory://" if folder is None else "rocksdb://"
        self.app: App = offline_app(store=store, **settings)
        if folder is not None:
            self.app.conf.tabledir = folder
        self.sent: list[Any] = []
        self.app._producer = SimpleNamespace(send_soon=self.sent.append, key_partition=lambda topic, key: CHANGELOG)
        self.app._consumer = SimpleNamespace(topic_partitions=lambda topic: None)
        self.table: Any = getattr(self.app, kind)("totals", **({} if "Set" in kind else {"default": int}))
        self.author: Any = None
        self.table._authors = SimpleNamespace(current=lambda: self.author)
        self.first = len(changelog)
        self.recover(changelog)

    def recover(self, changelog: Sequence[Any]) -> None:
        """Apply what the store does not have."""
        persisted = self.table.persisted_offset(CHANGELOG)
        rest = list(changelog)[0 if persisted is None else persisted + 1 :]
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
        self.author = (agent, message)
        yield
        self.author = None
        _current_event.reset(token)

    def changelog(self) -> list[Any]:
        """What was sent, as records."""
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

    def confirm(self, count: int) -> None:
        """Have the broker confirm the first `count` of what was sent."""
        for number, sent in enumerate(self.sent[:count]):
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
