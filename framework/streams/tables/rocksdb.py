"""Faust's RocksDB store that is never ahead of the changelog; knows nothing of agents."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import rocksdict
from faust.stores.rocksdb import Store as FaustStore
from faust.streams import current_event
from faust.types import TP

from framework.streams.sources import Book, Change, change_of

SOURCE = b"__framework\0source\0"
"""Begins the names under which a partition's database keeps which events have changed it."""


class Pending:
    """A key whose change was sent to the changelog and is not confirmed yet.

    Attributes:
        value: as agents see it; None where it was deleted.
        outstanding: how many changes of it are on their way.
        has_expired: its window was closed; it shall not come back.
    """

    __slots__ = ("has_expired", "outstanding", "value")

    def __init__(self) -> None:
        self.value: bytes | None = None
        self.outstanding = 0
        self.has_expired = False


class Store(FaustStore):
    """What a partition's database holds is its changelog up to the stored offset: no less, and no more.

    Faust writes a change at once, and its offset when the broker has confirmed it. A process that is killed in between
    leaves a database with changes that the changelog does not have: they never happened for anybody else, and their
    events come again. Here a change waits in memory, where agents see it, until it is confirmed; then value, offset and
    the event that made it are written in one batch. So a database can be taken up by anybody at any time: by its owner
    after a crash, by a shadow after somebody else has had the seat.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pending: defaultdict[int, dict[bytes, Pending]] = defaultdict(dict)
        self._stored: dict[int, int] = {}
        self._books: defaultdict[int, defaultdict[bytes, Book]] = defaultdict(lambda: defaultdict(Book))

    # --- changes ------------------------------------------------------------------------------------------------------

    def put(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Show a change that is on its way to the changelog; None deletes."""
        self._db_for_partition(partition)
        pending = self._pending[partition].get(key)
        if pending is None:
            pending = self._pending[partition][key] = Pending()
        pending.value, pending.has_expired = value, False
        pending.outstanding += 1
        if value is not None:
            self._key_index[key] = partition

    def confirm(
        self, partition: int, offset: int | None, key: bytes, value: bytes | None, change: Change | None
    ) -> None:
        """Write a change that the changelog has.

        Args:
            partition: of the changelog.
            offset: in the changelog; None where it is written down later.
            key: as it stands there.
            value: as it stands there.
            change: which change of the key it is, if that is known.
        """
        pending = self._pending[partition].get(key)
        if pending is None or partition not in self._dbs:
            # The partition was given up meanwhile. Whoever has it next reads the changelog from the stored offset.
            return
        pending.outstanding -= 1
        if not pending.outstanding:
            del self._pending[partition][key]
        if offset is not None and offset <= self._stored.get(partition, -1):
            return  # it was read back before this confirmation came, and perhaps later changes with it
        batch = rocksdict.WriteBatch(raw_mode=True)
        if not pending.has_expired:
            _put(batch, key, value)
        self._keep(batch, partition, key, change)
        self._write(partition, batch, offset)

    def write(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Write a value at once."""
        batch = rocksdict.WriteBatch(raw_mode=True)
        _put(batch, key, value)
        self._write(partition, batch, None)

    def apply_changelog_batch(self, batch: Iterable[Any], to_key: Any, to_value: Any) -> None:  # noqa: ARG002 - Faust's
        """Write records of the changelog, with the last offset of each partition, in one step a partition."""
        batches: dict[int, Any] = {}
        offsets: dict[int, int] = {}
        for event in batch:
            message = event.message
            partition = message.partition
            if partition not in batches:
                batches[partition] = rocksdict.WriteBatch(raw_mode=True)
            _put(batches[partition], message.key, message.value)
            self._keep(batches[partition], partition, message.key, change_of(message.headers))
            offsets[partition] = message.offset
        for partition, changes in batches.items():
            self._write(partition, changes, offsets[partition])

    def _write(self, partition: int, batch: Any, offset: int | None) -> None:
        db = self._db_for_partition(partition)
        if offset is not None:
            batch.put(self.offset_key, str(offset).encode())
            self._stored[partition] = offset
        db.write(batch)

    def _keep(self, batch: Any, partition: int, key: bytes, change: Change | None) -> None:
        """Write down which event made a change.

        One entry a key that the last event has changed: an event that changes thousands of keys writes one more entry
        with each, and the next event overwrites them; of those that are left over the time and offset are older.
        """
        if change is None:
            return
        self._db_for_partition(partition)  # opening it reads what it knows
        book = self._books[partition][change.source]
        if book.note(change, key):
            name = SOURCE + change.source + b"\0" + book.place(key).to_bytes(4, "big")
            batch.put(name, change.to_header() + b"\0" + key)

    def _del(self, key: bytes) -> None:
        """Delete what has expired; the changelog is not told."""
        for partition in self._partitions_of(key):
            pending = self._pending[partition].get(key)
            if pending is not None:
                pending.value, pending.has_expired = None, True
            self._db_for_partition(partition).delete(key)

    # --- reading ------------------------------------------------------------------------------------------------------

    def _get(self, key: bytes) -> bytes | None:
        for partition in self._partitions_of(key):
            pending = self._pending[partition].get(key)
            value = self._db_for_partition(partition).get(key) if pending is None else pending.value
            if value is not None:
                self._key_index[key] = partition
                return bytes(value)
        return None

    def _contains(self, key: bytes) -> bool:
        return self._get(key) is not None

    def _partitions_of(self, key: bytes) -> tuple[int, ...]:
        """Where a key may be: in the event's partition; if there is none or keys are anywhere, in all that are open."""
        event = current_event()
        if event is not None and not (self.table.is_global or self.table.use_partitioner):
            return (event.message.partition,)
        known = self._key_index.get(key)
        return (known,) if known is not None and known in self._dbs else tuple(self._dbs)

    def _iteritems(self) -> Iterator[tuple[bytes, bytes]]:
        actives = self.app.assignor.assigned_actives()
        topic = self.table.changelog_topic_name
        for partition, db in list(self._dbs.items()):
            if self.table.is_global or TP(topic, partition) in actives:
                yield from self._items_of(partition, db)

    def _items_of(self, partition: int, db: Any) -> Iterator[tuple[bytes, bytes]]:
        # Taken first: what is confirmed while somebody iterates is in the database, and not in the iterator's snapshot.
        pending = {key: entry.value for key, entry in self._pending[partition].items()}
        for key, value in db.items():
            if key not in pending and key != self.offset_key and not key.startswith(SOURCE):
                yield key, value
        for key, value in pending.items():
            if value is not None:
                yield key, value

    def _iterkeys(self) -> Iterator[bytes]:
        return (key for key, _ in self._iteritems())

    def _itervalues(self) -> Iterator[bytes | None]:
        return (value for _, value in self._iteritems())

    def _size(self) -> int:
        return sum(1 for _ in self._iteritems())

    # --- databases ----------------------------------------------------------------------------------------------------

    def _open_for_partition(self, partition: int) -> Any:
        db: Any = super()._open_for_partition(partition)
        offset = db.get(self.offset_key)
        if offset is not None:
            self._stored[partition] = int(offset)
        tp = TP(self.table.changelog_topic_name, partition)
        for change, place, key in sorted(_kept(db)):
            self._books[partition][change.source].note(change, key, place)
            self.app.tables.sources.restore(tp, change, key)
        return db

    def revoke_partitions(self, table: Any, tps: set[TP]) -> None:
        """Close what was given up; forget what was on its way."""
        for tp in tps:
            if tp.topic in table.changelog_topic.topics:
                self._forget(tp.partition)
        if any(tp.partition in self._dbs for tp in tps if tp.topic in table.changelog_topic.topics):
            # Collects garbage, which takes tens of milliseconds, so only where there is something to close.
            super().revoke_partitions(table, tps)

    def release(self, partition: int) -> None:
        """Close one partition's database."""
        self._forget(partition)
        self._dbs.pop(partition, None)

    async def stop(self) -> None:
        """Close all; the changelog has what is on its way."""
        for partition in list(self._dbs):
            self._forget(partition)
        await super().stop()

    def _forget(self, partition: int) -> None:
        self._pending.pop(partition, None)
        self._stored.pop(partition, None)
        self._books.pop(partition, None)


def _put(batch: Any, key: bytes, value: bytes | None) -> None:
    if value is None:
        batch.delete(key)
    else:
        batch.put(key, value)


def _kept(db: Any) -> Iterator[tuple[Change, int, bytes]]:
    """What a database knows of the events that have changed it: change, place, key."""
    entries = db.iter()
    entries.seek(SOURCE)
    while entries.valid() and entries.key().startswith(SOURCE):
        header, _, key = entries.value().partition(b"\0")
        yield Change.from_header(header), int.from_bytes(entries.key()[-4:], "big"), key
        entries.next()
