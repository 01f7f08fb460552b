"""Faust's RocksDB store that is never ahead of the changelog; knows nothing of agents."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import islice
from typing import Any

import rocksdict
from faust.stores.rocksdb import Store as FaustStore
from faust.streams import current_event
from faust.types import TP

from framework.streams.reading.decoding import Decoding
from framework.streams.tables.books import Book
from framework.streams.tables.changes import Entry
from framework.streams.tables.shelves import PREFIX, Kept, Shelf, kept_of, restore
from framework.streams.tables.stamps import Stamps


class Store(FaustStore):
    """What a partition's database holds is its changelog up to the stored offset: no less, and no more.

    Faust writes a change at once, and its offset when the broker has confirmed it. A process that is killed in between
    leaves a database with changes that the changelog does not have: they never happened for anybody else, and their
    events come again. Here a change waits in memory, where agents see it (`table.on_its_way`), until it is confirmed;
    then value, offset and the event that made it are written in one batch. So a database can be taken up by anybody at
    any time: by its owner after a crash, by a shadow after somebody else has had the seat.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stored: dict[int, int] = {}
        self._shelves: defaultdict[int, defaultdict[bytes, Shelf]] = defaultdict(lambda: defaultdict(Shelf))

    # --- changes ------------------------------------------------------------------------------------------------------

    def keep(self, partition: int, offset: int | None, entries: Iterable[Entry], books: Iterable[Book] | None) -> None:
        """Write changes that the changelog has, and more of the same flush will follow unless there are books.

        Args:
            partition: of the changelog.
            offset: of the last of them in the changelog; None where it is not to be written down yet.
            entries: their values are packed.
            books: what is known when all of them are there.
        """
        if self._is_read_back(partition, offset):
            return
        batch = rocksdict.WriteBatch(raw_mode=True)
        for entry in entries:
            # One that has expired has no value: it may have an older one here, of the flush before.
            _put(batch, entry.key, entry.value)
        self._write(partition, batch, offset, [kept_of(book, book.keys) for book in books or ()])

    def keep_one(
        self, partition: int, offset: int | None, key: bytes, value: bytes | None, stamps: Stamps | None
    ) -> None:
        """Write one change that the changelog has.

        Args:
            partition: of the changelog.
            offset: in the changelog; None where it is written down later.
            key: as it stands there.
            value: None where the key is not to be there.
            stamps: what its headers say.
        """
        if self._is_read_back(partition, offset):
            return
        batch = rocksdict.WriteBatch(raw_mode=True)
        _put(batch, key, value)
        said = () if stamps is None else (*stamps.changes, *stamps.carried)
        changes = {change.source: change for change in said}
        kept = []
        for born, time, told, source in stamps.points if stamps is not None else ():
            change = changes.get(source)
            keys = {} if change is None else {key: (change.offset, change.number)}
            kept.append(Kept(born, time if change is None else change.time, told, time, source, key, keys))
        self._write(partition, batch, offset, kept)

    def _is_read_back(self, partition: int, offset: int | None) -> bool:
        """Whether it was read back before its confirmation came, and perhaps later changes with it."""
        return partition not in self._dbs or (offset is not None and offset <= self._stored.get(partition, -1))

    def write(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Write a value at once."""
        batch = rocksdict.WriteBatch(raw_mode=True)
        _put(batch, key, value)
        self._write(partition, batch, None, ())

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
            offsets[partition] = message.offset
        for partition, changes in batches.items():
            self._write(partition, changes, offsets[partition], self._read_since(partition))

    def _read_since(self, partition: int) -> Iterator[Kept]:
        """What was read of who made the changes, since it was written down."""
        self._db_for_partition(partition)  # opening it reads what it knows
        ledger = self.app.tables.sources.ledger(TP(self.table.changelog_topic_name, partition))
        keys: defaultdict[bytes, list[bytes]] = defaultdict(list)
        for source, key in ledger.fresh or ():
            keys[source].append(key)
        ledger.fresh = []
        return (kept_of(ledger.book(source), dict.fromkeys(found)) for source, found in keys.items())

    def _write(self, partition: int, batch: Any, offset: int | None, kept: Iterable[Kept]) -> None:
        db = self._db_for_partition(partition)
        for each in kept:
            self._shelves[partition][each.source].write(batch, each)
        if offset is not None:
            batch.put(self.offset_key, str(offset).encode())
            self._stored[partition] = offset
        db.write(batch)

    def _del(self, key: bytes) -> None:
        """Delete what has expired; the changelog is not told."""
        for partition in self._partitions_of(key):
            self._del_in(partition, key)

    def _del_in(self, partition: int, key: bytes) -> None:
        entry = self.table.on_its_way(partition, key)
        if entry is not None:
            entry.value, entry.is_packed, entry.has_expired = None, True, True
        self._db_for_partition(partition).delete(key)

    def expire(self, partition: int, key: bytes) -> None:
        """Delete a key of a partition; the changelog is not told."""
        if partition in self._dbs:
            self._del_in(partition, key)

    # --- reading ------------------------------------------------------------------------------------------------------

    def read(self, key: bytes, default: Any) -> Any:
        """The value of a key as agents see it."""
        value = self._find(key)
        if value is None:
            return default
        return self._load(value) if type(value) is bytes else value[0]

    def _get(self, key: bytes) -> bytes | None:
        value: Any = self._find(key)
        return self._encode_value(value[0]) if type(value) is tuple else value  # type: ignore[no-any-return]

    def _find(self, key: bytes) -> Any:
        """A value's bytes, or a tuple of the value itself where it has none yet; None if there is none."""
        places = self._partitions_of(key)
        for partition in places:
            entry = self.table.on_its_way(partition, key)
            value = self._db_for_partition(partition).get(key) if entry is None else entry.value
            if value is not None:
                if len(places) > 1:
                    self._key_index[key] = partition
                return value if entry is None or entry.is_packed else (value,)
        return None

    def peek(self, partition: int, key: bytes) -> Any:
        """The bytes of a key's value as agents see it; None if there is none, or the partition was given up."""
        if partition not in self._dbs:
            return None
        entry = self.table.on_its_way(partition, key)
        if entry is None:
            return self._db_for_partition(partition).get(key)
        # Bytes also of a value that has none yet: they are the same before a flush and after it.
        return entry.value if entry.is_packed else self._encode_value(entry.value)

    def unpack(self, value: bytes) -> Any:
        """The value itself."""
        return self._load(value)

    @cached_property
    def _load(self) -> Callable[[bytes], Any]:
        topic = self.table.changelog_topic
        is_ours = topic.schema.value_serializer == self.value_serializer
        return (Decoding(self.app, topic).load_value if is_ours else None) or self._decode_value

    def _contains(self, key: bytes) -> bool:
        return self._find(key) is not None

    def _partitions_of(self, key: bytes) -> tuple[int, ...]:
        """Where a key may be: in the event's partition; if there is none or keys are anywhere, in all that are open."""
        event: Any = current_event()
        if event is not None and not (self.table.is_global or self.table.use_partitioner):
            part = getattr(event, "part", None)
            return (event.message.partition,) if part is None else (part.tp.partition,)
        known = self._key_index.get(key)
        return (known,) if known is not None and known in self._dbs else tuple(self._dbs)

    def place(self, key: bytes, partition: int) -> None:
        """Look for a key in this partition first."""
        self._key_index[key] = partition

    def _iteritems(self) -> Iterator[tuple[bytes, bytes]]:
        actives = self.app.assignor.assigned_actives()
        topic = self.table.changelog_topic_name
        for partition, db in list(self._dbs.items()):
            if self.table.is_global or TP(topic, partition) in actives:
                yield from self._items_of(partition, db)

    def _items_of(self, partition: int, db: Any) -> Iterator[tuple[bytes, bytes]]:
        # Taken first: what is confirmed while somebody iterates is in the database, and not in the iterator's snapshot.
        newer = {
            key: entry.value if entry.is_packed else self._encode_value(entry.value)
            for key, entry in self.table.all_on_its_way(partition).items()
        }
        for key, value in db.items():
            if key not in newer and key != self.offset_key and not key.startswith(PREFIX):
                yield key, value
        for key, value in newer.items():
            if value is not None:
                yield key, value

    def some_keys(self, partition: int, first: bytes, count: int) -> tuple[list[bytes], bytes | None]:
        """Keys that are in a partition's database, in order, without those of our own.

        No iterator is kept from one call to the next: it would keep the database open.

        Args:
            partition: its database is open.
            first: where to begin; `b""` at the beginning.
            count: how many to look at.

        Returns:
            the keys, and where to go on; None behind the last.
        """
        looked = [*islice(self._dbs[partition].keys(from_key=first), count)]
        ours = [key for key in looked if key != self.offset_key and not key.startswith(PREFIX)]
        return ours, looked[-1] + b"\0" if len(looked) == count else None

    def _iterkeys(self) -> Iterator[bytes]:
        return (key for key, _ in self._iteritems())

    def _itervalues(self) -> Iterator[bytes | None]:
        return (value for _, value in self._iteritems())

    def _size(self) -> int:
        return sum(1 for _ in self._iteritems())

    # --- databases ----------------------------------------------------------------------------------------------------

    def is_open(self, partition: int) -> bool:
        """Whether the partition's database is open."""
        return partition in self._dbs

    def _open_for_partition(self, partition: int) -> Any:
        db: Any = super()._open_for_partition(partition)
        offset = db.get(self.offset_key)
        if offset is not None:
            self._stored[partition] = int(offset)
        self._read_books(partition, db)
        return db

    def _read_books(self, partition: int, db: Any) -> None:
        ledger = self.app.tables.sources.ledger(TP(self.table.changelog_topic_name, partition))
        restore(db, ledger, self._shelves[partition])
        ledger.fresh = ledger.fresh or []

    def read_again(self, partition: int) -> None:
        """Know of a partition's changes what its database knows, after all else was forgotten."""
        if partition in self._dbs:
            self._shelves.pop(partition, None)
            self._read_books(partition, self._dbs[partition])

    def revoke_partitions(self, table: Any, tps: set[TP]) -> None:
        """Close what was given up."""
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
        self._stored.pop(partition, None)
        self._shelves.pop(partition, None)


def _put(batch: Any, key: bytes, value: bytes | None) -> None:
    if value is None:
        batch.delete(key)
    else:
        batch.put(key, value)
