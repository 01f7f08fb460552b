"""Faust's tables whose changes say which event made them, and are made once; knows stores by their interface."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any, cast

import faust
from faust.stores.memory import Store as MemoryStore
from faust.tables.globaltable import GlobalTable as FaustGlobalTable
from faust.tables.sets import ChangeloggedSetManager
from faust.tables.sets import SetGlobalTable as FaustSetGlobalTable
from faust.tables.sets import SetTable as FaustSetTable
from faust.types import TP

from framework.streams.authors import Authors
from framework.streams.sources import HEADER, change_of
from framework.streams.stored import Stored


class Table(Stored, faust.Table):
    """Faust's table.

    A change that an event has made and that has survived, in the changelog or in this process, is not made again when
    the event comes again: neither here nor in the changelog. The agent's body runs as always; it reads the value as it
    is now, that is after the change, and perhaps after those of later events. Nothing needs to be sent for such a
    change, because no store here is ever ahead of what the changelog will have: what is in memory goes with the
    process, and our RocksDB store takes a change only when the changelog has confirmed it.

    A replay is known by the order of offsets. So an event that is fed in again on purpose, with the table kept, changes
    nothing either; `FRAMEWORK_STATE_ONCE=false` is for that. After compaction the changelog knows less: only if another
    source changed the same keys in the second before a crash, and the changelog was compacted in that second, a change
    may be made twice.
    """

    @cached_property
    def _authors(self) -> Authors:
        return Authors()

    @cached_property
    def _is_buffered(self) -> bool:
        """Whether the store waits for the changelog."""
        return hasattr(self.data, "confirm")

    @cached_property
    def _is_once(self) -> bool:
        """Whether replays change nothing: where it is known what the store has."""
        return bool(self.app.settings.state_once) and (self._is_buffered or isinstance(self.data, MemoryStore))

    # --- changes ------------------------------------------------------------------------------------------------------

    def __setitem__(self, key: Any, value: Any) -> None:
        change = self._entry(key, value, self.value_serializer)
        if self._claim(change):
            self._send(change)
            if self._is_buffered:
                self.data.put(change.message.partition, change.message.key, change.message.value)
            else:
                self.data[key] = value
                self._belongs(key, change.message.partition)
            self._sensor_on_set(self, key, value)
        self._maybe_set_key_ttl(key, change.message.partition)

    def __delitem__(self, key: Any) -> None:
        change = self._entry(key, None, "raw")
        if self._claim(change):
            self._send(change)
            self._sensor_on_del(self, key)
            if self._is_buffered:
                self.data.put(change.message.partition, change.message.key, None)
            else:
                del self.data[key]
        self._maybe_del_key_ttl(key, change.message.partition)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set many keys, one by one: each is a change of its own."""
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def clear(self) -> None:
        """Delete every key, one by one."""
        for key in list(self):
            del self[key]

    def _entry(self, key: Any, value: Any, serializer: Any) -> Any:
        """The changelog record of a change; its key's bytes and its partition are known before it is sent."""
        return self.changelog_topic.as_future_message(
            key=key,
            value=value,
            partition=self.partition_for_key(key),
            key_serializer=self.key_serializer,
            value_serializer=serializer,
            callback=self._on_changelog_sent,
            eager_partitioning=True,
        )

    def _claim(self, change: Any) -> bool:
        """Whether to make this change; writes its header."""
        author = self._authors.current() if self._is_once else None
        if author is None:
            return True
        message = change.message
        tp = self._changelog_tp(message.partition)
        made = self.app.tables.sources.claim(tp, message.key, *author)
        if made is None:
            return False
        if isinstance(message.headers, dict):
            message.headers[HEADER] = made.to_header()
        else:
            message.headers.append((HEADER, made.to_header()))
        return True

    def _changelog_tp(self, partition: int) -> TP:
        return TP(self.changelog_topic_name, partition)

    def _send(self, change: Any) -> None:
        self.app.producer.send_soon(change)

    def _belongs(self, key: Any, partition: int) -> None:
        """Have the key go when the partition goes; Faust's store forgets that of keys which were set here."""
        if isinstance(self.data, MemoryStore):
            self.data._key_partition[key] = partition

    # --- the changelog ------------------------------------------------------------------------------------------------

    def _on_changelog_sent(self, fut: Any) -> None:
        sent, message = fut.result(), fut.message
        if self._is_buffered:
            # In a transaction Faust writes the offset down with the commit.
            offset = None if self.app.in_transaction else sent.offset
            self.data.confirm(message.partition, offset, message.key, message.value, change_of(message.headers))
        if self.app.in_transaction or not self._is_buffered:
            super()._on_changelog_sent(fut)

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        """As in Faust; what the headers tell is known from here on, and what comes too late is left out."""
        if self._is_once:
            batch = [event for event in batch if self.app.tables.sources.note(event.message)]
        super().apply_changelog_batch(batch)


class GlobalTable(Table, FaustGlobalTable):
    """Faust's global table, with changes that are made once."""


class SetManager(ChangeloggedSetManager):
    """Faust's sets, with what is on disk the same as what is in memory.

    Faust stores a set before it makes the change, so that the last element of each set is not on disk although its
    offset is; it does not store what it recovers, although it stores the offset; and after each recovery it replaces
    the recovered sets by those on disk.
    """

    def send_changelog_event(self, key: Any, operation: int, value: Any) -> None:
        """Send a change that is about to be made, and store the set as it will be."""
        event = faust.current_event()
        self.table._send_changelog(event, (operation, key), value)
        if self._is_on_disk:
            changed = self.ValueType(self, key)
            changed.sync_from_storage(self[key].as_stored_value())
            changed.apply_changelog_event(operation, value)
            self.storage[key] = changed.as_stored_value()

    def apply_changelog_batch(self, batch: Iterable[Any], to_key: Any, to_value: Any) -> None:
        """Apply recovered changes, to what is stored; store the sets before Faust stores the offset."""
        events = list(batch)
        for event in events:
            if event.key is None:
                raise RuntimeError("Changelog key cannot be None")
            operation, raw_key = event.key
            key = to_key(raw_key)
            if self._is_on_disk and key not in self.data:
                self._load(key)
            self[key].apply_changelog_event(operation, to_value(event.value))
            if self._is_on_disk:
                self._store(event.message.partition, key)
        for tp, offset in {event.message.tp: event.message.offset for event in events}.items():
            self.set_persisted_offset(tp, offset)

    def sync_from_storage(self) -> None:
        """Load sets from disk that are not in memory yet."""
        if self._is_on_disk:
            for key, value in self.storage.items():
                if key not in self.data:
                    self[key].sync_from_storage(value)

    @property
    def _is_on_disk(self) -> bool:
        return not isinstance(self.storage, MemoryStore)

    def _load(self, key: Any) -> None:
        stored = self.storage.get(key)
        if stored is not None:
            self[key].sync_from_storage(stored)

    def _store(self, partition: int, key: Any) -> None:
        storage = cast("Any", self.storage)
        value = storage._encode_value(self[key].as_stored_value())
        storage.write(partition, storage._encode_key(key), value)


class SetTable(Stored, FaustSetTable):
    """Faust's table of sets. Adding and discarding again changes nothing, so replays need no suppression here."""

    def _new_store(self) -> Any:
        return SetManager(self)


class SetGlobalTable(SetTable, FaustSetGlobalTable):
    """Faust's global table of sets."""
