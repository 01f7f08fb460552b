"""What a partition's database keeps of the books: which events have changed it; knows no table and no Kafka."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from framework.streams.tables.books import Book, Ledger
from framework.streams.tables.stamps import NOT_TOLD, Change, Point

PREFIX = b"__framework\0"
"""Begins the names of everything here."""

BOOK = PREFIX + b"book\0"
SOURCE = PREFIX + b"source\0"
"""Begins the names of an older form: of the last event alone, one entry a key that it has changed."""


class Kept(NamedTuple):
    """What one source is known to have changed, as it is written down.

    Attributes:
        born, time, told, told_time, source, carrier: as in `Book`.
        keys: `{key: (offset, number)}`, those to write down; what is written of others stays.
    """

    born: int
    time: int
    told: int
    told_time: int
    source: bytes
    carrier: bytes | None
    keys: dict[bytes, tuple[int, int]]


def kept_of(book: Book, keys: Iterable[bytes]) -> Kept:
    """What there is to write down of a book."""
    known = {key: book.keys[key] for key in keys if key in book.keys}
    return Kept(book.born, book.time, book.told, book.told_time, book.source, book.carrier, known)


class Shelf:
    """What one database has of one source.

    An entry has a place, a small number, and the places are used again when all of them are before `told`: an event
    that changes thousands of keys, or a flush that was torn, writes as many entries, and later ones overwrite them. Of
    those left over the offsets are older than `told`.
    """

    __slots__ = ("_last", "_next", "_placed", "_told")

    def __init__(self) -> None:
        self._told: tuple[int, int, int, bytes | None] | None = None
        self._placed: dict[bytes, tuple[int, tuple[int, int, int]]] = {}
        self._last = (-1, -1)
        self._next = 1

    def write(self, batch: Any, kept: Kept) -> None:
        """Write down what is new."""
        name = BOOK + kept.source + b"\0"
        told = (kept.born, kept.told_time, kept.told, kept.carrier)
        if told != self._told:
            self._told = told
            batch.put(
                name + _place(0), b"%d %d %d" % told[:3] + (b"" if kept.carrier is None else b"\0" + kept.carrier)
            )
        if self._last < (kept.born, kept.told):
            self._placed.clear()
            self._next = 1
        for key, (offset, number) in kept.keys.items():
            change = (kept.born, offset, number)
            place, written = self._placed.get(key, (self._next, None))
            if written != change:
                self.has(key, place, change)
                batch.put(name + _place(place), b"%d %d %d %d\0" % (kept.born, kept.time, offset, number) + key)

    def has(self, key: bytes, place: int, change: tuple[int, int, int]) -> None:
        """A key's entry is at a place: born, offset and number of its change."""
        self._placed[key] = (place, change)
        self._last = max(self._last, change[:2])
        self._next = max(self._next, place + 1)


def _place(number: int) -> bytes:
    return number.to_bytes(4, "big")


def restore(db: Any, ledger: Ledger, shelves: Mapping[bytes, Shelf]) -> None:
    """Take in what a database knows of the events that have changed it.

    Args:
        db: the database.
        ledger: learns of it.
        shelves: those of the database, new ones; learn where it stands.
    """
    changes: list[tuple[Change, bytes]] = []
    for source, place, value in _entries(db, BOOK):
        head, has_key, key = value.partition(b"\0")
        numbers = [int(each) for each in head.split()]
        if place == 0:
            born, time, told = numbers
            if told >= 0:
                ledger.book(source).take_point(Point(born, time, told, source), key if has_key else None)
        else:
            born, time, offset, number = numbers
            changes.append((Change(born, time, offset, number, source), key))
            shelves[source].has(key, place, (born, offset, number))
    for change, key in [*_of_the_older_form(db, ledger), *changes]:
        ledger.book(change.source).take_change(change, key)


def _of_the_older_form(db: Any, ledger: Ledger) -> list[tuple[Change, bytes]]:
    found = []
    for _, _, value in _entries(db, SOURCE):
        header, _, key = value.partition(b"\0")
        time, offset, number, source = header.split(b" ", 3)
        found.append((Change(NOT_TOLD, int(time), int(offset), int(number), source), key))
    found.sort()
    for change, key in found:
        ledger.book(change.source).take_point(Point(NOT_TOLD, change.time, change.offset, change.source), key)
    return found


def _entries(db: Any, prefix: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    entries = db.iter()
    entries.seek(prefix)
    while entries.valid() and entries.key().startswith(prefix):
        name = entries.key()
        yield name[len(prefix) : -5], int.from_bytes(name[-4:], "big"), bytes(entries.value())
        entries.next()
