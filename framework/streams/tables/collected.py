"""How changes of a table are collected, so that many changes of a key are one record of the changelog."""

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cached_property, partial
from typing import Any

import faust
import orjson
from faust.serializers import codecs
from faust.stores.memory import Store as MemoryStore
from faust.streams import current_event
from faust.types import TP
from faust.utils import json as faust_json

from framework.streams.sending.serializing import can_compile, key_dump, value_dump
from framework.streams.tables.at_hand import AtHand
from framework.streams.tables.authors import Authors, author_of, is_turn_of
from framework.streams.tables.books import Book
from framework.streams.tables.changes import Changes, Entry
from framework.streams.tables.desks import Desk, Desks
from framework.streams.tables.echoes import Echoes
from framework.streams.tables.plain_json import dump_plain, quick_for_texts
from framework.streams.tables.posting import Poster
from framework.streams.tables.stored import Stored

PLAIN: frozenset[type] = frozenset({int, str, float, bool})
"""Types of values that cannot change, and whose JSON is read as what it was."""

STORE = "each change of a table whose class, store or driver is of its own is sent by itself"
CHANGELOG = "each change of a table whose changelog has a serializer or a schema of its own is sent by itself"
HEADERS = "each change of a table is sent by itself: the producer writes no headers"


class Collected(Stored, faust.Table):
    """The part of a table that knows where a change goes, and what is on its way to the changelog.

    A value that the agent may go on changing is serialized when it is set, else a flush would send half of the next
    event's change with it. Values of plain types are serialized when they are sent: of many there may be only one.
    Keys, and whatever might fail, are serialized in the agent's body, so that the failure is there.
    """

    _apply_read: Callable[[Iterable[Any]], None]
    """Applies what was read and counts; the table has it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._at_hand = AtHand()

    @cached_property
    def _authors(self) -> Authors:
        return Authors()

    @cached_property
    def _is_buffered(self) -> bool:
        """Whether the store waits for the changelog."""
        return hasattr(self.data, "keep")

    @cached_property
    def _is_once(self) -> bool:
        """Whether replays change nothing: where it is known what the store has."""
        return bool(self.app.settings.state_once) and (self._is_buffered or isinstance(self.data, MemoryStore))

    @cached_property
    def _is_collected(self) -> bool:
        """Whether changes are collected; else each is sent at once, as Faust does."""
        app: Any = self.app
        if not getattr(app, "is_fast", False):
            return False
        if self._why_at_once:
            app.say_once(self._why_at_once, self.name)
        return not self._why_at_once

    @property
    def _why_at_once(self) -> str:
        """Why changes cannot be collected; empty where they can."""
        schema: Any = self.changelog_topic.schema
        is_ours = schema.key_serializer == self.key_serializer and schema.value_serializer == self.value_serializer
        if not self._is_buffered and self._values is None:
            return STORE
        if not is_ours or not can_compile(self.app, schema):
            return CHANGELOG
        return "" if getattr(self.app.producer, "allow_headers", True) else HEADERS

    # --- keys and values ----------------------------------------------------------------------------------------------

    @cached_property
    def _values(self) -> dict[Any, Any] | None:
        """The objects themselves, where the store is Faust's in memory and nobody has overridden the way to them."""
        kind, plain = type(self), type(self.data) is MemoryStore and type(self.data.data) is dict
        is_ours = kind.on_key_get is faust.Table.on_key_get and kind.__missing__ is faust.Table.__missing__
        return self.data.data if plain and is_ours else None

    @cached_property
    def _places(self) -> dict[Any, int] | None:
        """The partition of each key, where `_values` are known."""
        return None if self._values is None else self.data._key_partition

    @cached_property
    def _dump_key(self) -> Callable[[Any], bytes]:
        dump = key_dump(self.app, self.changelog_topic.schema)

        def dump_key(key: Any) -> bytes:
            dumped: bytes | None = dump(key)
            if dumped is None:
                raise TypeError("Table key cannot be None")
            return dumped

        is_quick = self.key_serializer == "json" and self._dump_plain is not None
        return quick_for_texts(dump_key) if is_quick else dump_key

    @cached_property
    def _dump_value(self) -> Callable[[Any], Any]:
        return value_dump(self.app, self.changelog_topic.schema)

    @cached_property
    def _dump_plain(self) -> Callable[[Any], bytes] | None:
        """As Faust's JSON codec for plain types; None where Faust has another one."""
        codec: Any = codecs.get_codec("json")
        is_json = type(codec) is codecs.json and not codec.children
        return dump_plain if is_json and faust_json.orjson is orjson else None

    @cached_property
    def _mark_of(self) -> Callable[[Any], bytes]:
        """Gives the bytes of a key for a store that has bytes."""
        return self._dump_key if self._is_collected else self.data._encode_key

    @cached_property
    def _plain(self) -> frozenset[type]:
        """Types of values that are serialized when they are sent."""
        if self.value_serializer != "json":
            return frozenset()
        return frozenset(kind for kind in PLAIN if not self._is_buffered or self.value_type in (None, kind))

    # --- where a change goes ------------------------------------------------------------------------------------------

    @cached_property
    def _partitions(self) -> dict[int, Poster]:
        """`{partition: what sends its changes}`"""
        return {}

    @cached_property
    def _desks(self) -> Desks:
        return Desks(self.changes_of, self.app.tables.sources.name)

    def _sit_down(self, event: Any, key: Any) -> Desk:
        """The desk at which an event's changes are made, at which it has its turn now."""
        reader = getattr(event, "reader", None)
        if reader is None or self.use_partitioner or not is_turn_of(event, reader):
            author = self._authors.current() if self._is_once else None
            return self._desks.of(author, self._place_of(key))
        tp = event.part.tp
        desk = self._desks.at((reader.agent, tp, tp.partition) if self._is_once else (None, None, tp.partition))
        if desk is None:
            desk = self._desks.of(author_of(event) if self._is_once else None, self._place_of(key))
        desk.take_turn(event, reader)
        self._at_hand.desk = desk
        return desk

    def partition_for_key(self, key: Any) -> int | None:
        """As in Faust; without having the event's message made."""
        part = getattr(current_event(), "part", None)
        if part is None or self.use_partitioner:
            partition: int | None = super().partition_for_key(key)
            return partition
        self._verify_source_topic_partitions(part.tp.topic)
        return int(part.tp.partition)

    def _place_of(self, key: Any) -> int:
        partition = self.partition_for_key(key)
        if partition is None:
            partition = self.app.producer.key_partition(self.changelog_topic_name, self._dump_key(key)).partition
        return int(partition)

    def _add(
        self, changes: Changes, mark: Any, key: Any, book: Book | None = None, offset: int = -1, number: int = -1
    ) -> Entry:
        at_hand = self._at_hand
        entry = Entry(at_hand.dump_key(key), book, offset, number)
        if not changes.dirty:
            changes.wake()
        changes.dirty[mark] = entry
        if at_hand.values is None and self.is_global:
            self.data.place(mark, changes.partition)
        return entry

    # --- what is on its way -------------------------------------------------------------------------------------------

    def changes_of(self, partition: int) -> Changes:
        """What is changed in one partition."""
        poster = self._partitions.get(partition)
        if poster is None:
            poster = self._partitions[partition] = self._new_poster(partition)
        return poster.changes

    def _new_poster(self, partition: int) -> Poster:
        tables, topic = self.app.tables, self.changelog_topic_name
        ledger = tables.sources.ledger(TP(topic, partition))
        changes = Changes(partition, ledger, tables.flushing.wake, self._places, self._values)
        if self._has_several_writers or tables.is_reading:
            changes.echoes = Echoes()
        keep = partial(self.data.keep, partition) if self._is_buffered else None
        dump = self._dump_plain or self._dump_value
        land = partial(self._land, changes)
        poster = Poster(topic, changes, dump, self._outbox, keep, tables.flushing.fail, land)
        tables.flushing.add(poster)
        return poster

    @property
    def _has_several_writers(self) -> bool:
        """Whether others write to the partitions that this process writes to, and it reads what they write."""
        return bool(self.is_global and self.use_partitioner)

    def read(self, is_reading: bool) -> None:
        """The changelog is read from now on, or no more; others follow it always."""
        for poster in self._partitions.values():
            changes = poster.changes
            if not self._has_several_writers:
                changes.echoes = (changes.echoes or Echoes()) if is_reading else None

    def _outbox(self) -> Any:
        return self.app.producer.outbox

    def on_its_way(self, partition: int, mark: Any) -> Entry | None:
        """What is newer of a key than what the store has."""
        poster = self._partitions.get(partition)
        return None if poster is None else poster.changes.find(mark)

    def all_on_its_way(self, partition: int) -> dict[Any, Entry]:
        """All that is newer in a partition than what the store has."""
        poster = self._partitions.get(partition)
        return {} if poster is None else {**poster.changes.flying, **poster.changes.dirty}

    def forget(self, partition: int) -> None:
        """A partition was given up: what was not sent of it is made again by whoever has it next."""
        poster = self._partitions.pop(partition, None)
        self._desks.clear()
        self._at_hand.desk = Desk(None, None)
        if poster is not None:
            self.app.tables.flushing.discard(poster)
            marks = poster.drop()
            if self._values is not None and self._places is not None:
                for mark in marks:
                    self._values.pop(mark, None)
                    self._places.pop(mark, None)

    def empty(self, partitions: Collection[int]) -> None:
        """Have nothing of some partitions, which are read from their beginning next."""
        store = self.data
        if isinstance(store, MemoryStore):
            places = store._key_partition
            for key in [key for key, partition in places.items() if partition in partitions]:
                store.data.pop(key, None)
                del places[key]

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """As in `Stored`; the store in memory is to know the partitions of all keys then."""
        for poster in self._partitions.values():
            poster.changes.place()
        await super().on_recovery_completed(active_tps, standby_tps)

    def _land(self, changes: Changes, marks: Collection[Any], offset: int | None) -> None:
        self.app.tables.written.add(TP(self.changelog_topic_name, changes.partition), len(marks), offset)
        read = changes.landed(marks, offset)
        if read:
            self._apply_read(read)

    def _that_count(self, batch: Iterable[Any]) -> Iterator[Any]:
        """What counts of what was read: not what is late, nor what is older than what agents have changed since."""
        note = self.app.tables.sources.note
        for event in batch:
            is_late = self._is_once and not note(event.message)
            poster = self._partitions.get(event.message.partition)
            if poster is not None and (poster.changes.is_busy or poster.changes.echoes is not None):
                yield from self._that_count_beside(event, is_late, poster.changes)
            elif not is_late:
                yield event

    def _that_count_beside(self, event: Any, is_late: bool, changes: Changes) -> Iterator[Any]:
        message, echoes = event.message, changes.echoes
        mark = message.key if self._values is None else self._to_key(event.key)
        is_echoed = echoes is not None and mark in echoes
        if echoes is not None and (is_echoed or mark in changes.flying):
            echoes.hold(mark, None if is_late else event)
        # A store that waits for the changelog takes what is read; what is on its way, agents see first.
        if not is_late and not is_echoed and (self._values is None or changes.find(mark) is None):
            yield event
        if echoes is not None:
            yield from echoes.read_to(message.offset, changes.find)
