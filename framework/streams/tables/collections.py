"""Faust's tables whose changes say which event made them, and are made once; knows stores by their interface."""

from collections.abc import Iterable
from typing import Any

import faust
from faust.stores.memory import Store as MemoryStore
from faust.streams import _current_event
from faust.tables.globaltable import GlobalTable as FaustGlobalTable

from framework.streams.reading.events import Event
from framework.streams.tables.authors import running_in
from framework.streams.tables.books import Book
from framework.streams.tables.changes import Changes, Entry
from framework.streams.tables.desks import Desk
from framework.streams.tables.plain_json import LEAST, MOST, is_plain
from framework.streams.tables.sets import SetGlobalTable, SetManager, SetTable
from framework.streams.tables.tallies import Tally
from framework.streams.tables.windows import Windowed

__all__ = ["GlobalTable", "SetGlobalTable", "SetManager", "SetTable", "Table"]

MISSING = object()


class Table(Windowed):
    """Faust's table.

    A change that an event has made and that has survived, in the changelog or in this process, is not made again when
    the event comes again: neither here nor in the changelog. The agent's body runs as always; it reads the value as it
    is now, that is after the change, and perhaps after those of later events. Nothing needs to be sent for such a
    change, because no store here is ever ahead of what the changelog will have: what is in memory goes with the
    process, and our RocksDB store takes a change only when the changelog has confirmed it.

    A replay is known by the order of offsets. So an event that is fed in again on purpose, with the table kept, changes
    nothing either; `FRAMEWORK_STATE_ONCE=false` is for that.

    On the fast path changes are collected, and the last value of each key is sent (`Collected`); else each change is
    sent at once (`AtOnce`).
    """

    # --- reading ------------------------------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        at_hand = self._at_hand
        values = at_hand.values
        if values is None and (values := at_hand.find_values(self)) is None:
            if not self._is_buffered or type(self).on_key_get is not faust.Table.on_key_get:
                return super().__getitem__(key)
            value = self.data.read(self._mark_of(key), MISSING)
        else:
            value = values.get(key, MISSING)
        tally = at_hand.tally
        if len(tally.sensors) != tally.size:
            tally = at_hand.tally = Tally(self)
        if tally.state is not None:
            tally.state.keys_retrieved += 1
        else:
            tally.got(key)
        return self.__missing__(key) if value is MISSING else value

    # --- changing -----------------------------------------------------------------------------------------------------

    def __setitem__(self, key: Any, value: Any) -> None:
        """Set a key.

        It is one function because this is done for each event, and a call costs a tenth of it.
        """
        at_hand = self._at_hand
        if not at_hand.is_collected and not at_hand.collects(self):
            self._set_at_once(key, value)
            return
        kind = type(value)
        if kind in at_hand.plain and ((LEAST <= value <= MOST) if kind is int else is_plain(value)):
            packed: Any = MISSING
        else:
            packed = self._dump_value(value)
        values = at_hand.values
        mark = key if values is not None else at_hand.dump_key(key)
        ref = _current_event.get(None)
        # Our own stand for themselves.
        event = ref if type(ref) is Event or ref is None else ref()
        desk = at_hand.desk
        if desk.event is event:
            book = self._book_at(desk)
        else:
            if type(ref) is not Event or not desk.follow(event):
                desk = self._sit_down(event, key)
            book = desk.book
        entry: Any = desk.changes.dirty.get(mark)
        if book is None or book.is_replay or book.made:
            entry = self._open(desk.changes, book, mark, key)
        # As almost always; in all cases it does what `_open` does.
        elif entry is None:
            entry = self._add(desk.changes, mark, key, book, book.at, 1)
        elif entry.book is book:
            if entry.offset == book.at:
                entry.number += 1
            else:
                entry.offset, entry.number = book.at, 1
        else:
            entry = self._open(desk.changes, book, mark, key)
        if entry is not None:
            if packed is MISSING:
                entry.value, entry.is_packed = value, False
            else:
                entry.value, entry.is_packed = packed, True
                desk.changes.weight += len(packed or b"")
            if values is not None:
                values[key] = value
            elif entry.has_expired:
                # Said only by a store that waits for the changelog.
                entry.has_expired = False
            tally = at_hand.tally
            if len(tally.sensors) != tally.size:
                tally = at_hand.tally = Tally(self)
            if tally.state is not None:
                tally.state.keys_updated += 1
            else:
                tally.was_set(key, value)
        if self.window is not None:
            self._maybe_set_key_ttl(key, desk.changes.partition)

    def _book_at(self, desk: Desk) -> Book | None:
        """The book at a desk; None for a task that the body has started: it sees its event, too, and may be late."""
        reader = desk.reader
        if reader.stream.current_event is desk.event and running_in(reader.loop) is reader.task:
            return desk.book
        return None

    def _open(self, changes: Changes, book: Book | None, mark: Any, key: Any) -> Entry | None:
        """Count a change, and give what is to take its value; None if it has survived, and must not be made again."""
        entry = changes.dirty.get(mark)
        if book is None:
            return entry or self._add(changes, mark, key)
        offset = book.at
        if book.is_replay:
            number = book.replay(mark, self._dump_key(key), entry.number_by(book, offset) if entry else 0)
            if number is None:
                self.app.tables.sources.suppressed += 1
                return None
        else:
            number = max(book.made.get(mark, 0), entry.number_by(book, offset) if entry else 0) + 1
        entry = entry or self._add(changes, mark, key)
        entry.sign(book, offset, number)
        return entry

    def __delitem__(self, key: Any) -> None:
        at_hand = self._at_hand
        if not at_hand.is_collected and not at_hand.collects(self):
            self._delete_at_once(key)
            return
        values = at_hand.values
        mark = key if values is not None else at_hand.dump_key(key)
        ref = _current_event.get(None)
        event = None if ref is None else ref()
        desk = at_hand.desk
        if desk.event is event:
            book = self._book_at(desk)
        else:
            desk = self._sit_down(event, key)
            book = desk.book
        entry = self._open(desk.changes, book, mark, key)
        if entry is not None:
            entry.value, entry.is_packed, entry.has_expired = None, True, False
            self._sensor_on_del(self, key)
            if values is not None:
                desk.changes.gone.append(mark)
                del values[key]
        self._maybe_del_key_ttl(key, desk.changes.partition)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set many keys, one by one: each is a change of its own."""
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def clear(self) -> None:
        """Delete every key, one by one."""
        for key in list(self):
            del self[key]

    # --- the changelog ------------------------------------------------------------------------------------------------

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        """As in Faust; what the headers tell is known from here on, and what comes too late is left out."""
        self._apply_read(self._that_count(batch))

    def _apply_read(self, batch: Iterable[Any]) -> None:
        if isinstance(self.data, MemoryStore):
            # Of each key the last: it deletes at the end of a batch, and takes a false value for a deletion then.
            batch = {event.message.key: event for event in batch}.values()
        super().apply_changelog_batch(batch)


class GlobalTable(Table, FaustGlobalTable):
    """Faust's global table, with changes that are made once."""
