"""Faust's tables of sets: what is on disk is the same as what is in memory, and changelogs keep all changes."""

from collections.abc import Iterable
from typing import Any, cast

import faust
from faust.stores.memory import Store as MemoryStore
from faust.tables.sets import ChangeloggedSetManager
from faust.tables.sets import SetGlobalTable as FaustSetGlobalTable
from faust.tables.sets import SetTable as FaustSetTable

from framework.streams.tables.stored import Stored


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

    async def on_start(self) -> None:
        """As in Faust."""
        app: Any = self.app
        if app.is_fast:
            app.say_once("each change of a table of sets is sent by itself", self.name)
        await super().on_start()

    def _new_store(self) -> Any:
        return SetManager(self)

    def _new_changelog_topic(
        self, *, retention: Any = None, compacting: bool | None = False, deleting: bool | None = True
    ) -> Any:
        """As in Faust, but with settings under which no change is lost.

        A record is one element that was added or discarded, and stands for none before it. Faust names no policy, so
        that the broker's deletes the records of a week ago; with a window it has them compacted by (operation, key),
        which leaves one element of each set. What the user sets himself (`extra_topic_configs`) counts first.
        """
        topic = super()._new_changelog_topic(retention=retention, compacting=compacting, deleting=deleting)
        if not topic.retention:
            topic.config = {"retention.ms": "-1", **topic.config}
        return topic


class SetGlobalTable(SetTable, FaustSetGlobalTable):
    """Faust's global table of sets."""
