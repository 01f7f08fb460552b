"""One flush of one table partition: its records, and what is known when the brokers have confirmed them."""

from collections.abc import Callable, Iterator
from typing import Any

from framework.streams.tables.books import Book
from framework.streams.tables.changes import Changes, Entry
from framework.streams.tables.stamps import CHANGES, as_headers

Headers = list[tuple[str, bytes]]


class Flight:
    """What was dirty at one moment, on its way to the changelog.

    Why nothing is counted twice or lost, whichever of its records survive: each says of its own key which changes its
    value includes. Up to where everything is in (`Point`) is told by this flight of the flights before, which were
    confirmed before this one began. What a record replaces in the changelog, once that is compacted, it tells again:
    what the changelog has of its key by other sources, and the points if its key is the one that has told of them.

    Args:
        changes: the partition's; nothing of it is on its way.
        dump: makes the bytes of a value that is not packed.

    Attributes:
        entries: what was dirty.
        first: the key of its first record.
    """

    def __init__(self, changes: Changes, dump: Callable[[Any], bytes | None]) -> None:
        books = changes.ledger.books.values()
        # Taken before the entries: what is changed from here on is not in this flight.
        self._reach = {book: (book.born, book.offset, book.time) for book in books}
        self._points = changes.ledger.points()
        self._carriers: set[bytes | None] = {book.carrier for book in books}
        self._known = {key for book in books for key in book.keys}
        self._ledger = changes.ledger
        self._dump = dump
        self._tail: list[tuple[Book, bytes, int, int]] = []
        self.entries = changes.take()
        self.first: bytes | None = next((entry.key for entry in self.entries.values()), None)

    def records(self) -> Iterator[tuple[bytes, bytes | None, Headers]]:
        """Key, value and headers of its records, in the order in which their keys became dirty."""
        dump, special = self._dump, self._carriers | self._known | {self.first}
        told = {
            book: (end, b"%d %d " % (born, time), b" " + book.source) for book, (born, end, time) in self._reach.items()
        }
        for entry in self.entries.values():
            if not entry.is_packed:
                # A store that waits for the changelog writes it, too.
                entry.value, entry.is_packed = dump(entry.value), True
            key, book = entry.key, entry.book
            if book is None or entry.others is not None or key in special:
                headers = self._headers(entry)
            else:
                # As almost always.
                end, head, tail = told[book]
                if entry.offset >= end:
                    self._tail.append((book, key, entry.offset, entry.number))
                headers = [(CHANGES, b"%b%d %d%b" % (head, entry.offset, entry.number, tail))]
            yield key, entry.value, headers

    def _headers(self, entry: Entry) -> Headers:
        with_points = entry.key is self.first or entry.key in self._carriers
        own = []
        for book, offset, number in entry.signatures():
            born, end, time = self._reach[book]
            if offset >= end:
                self._tail.append((book, entry.key, offset, number))
            own.append((born, time, offset, number, book.source))
        signed = {told[-1] for told in own}
        carried = [told for told in self._ledger.carried(entry.key) if told[-1] not in signed]
        return as_headers(own, self._points if with_points else (), carried)

    def confirm(self) -> list[Book]:
        """All its records are in the changelog; returns the books in which that was noted."""
        told = {point.source for point in self._points}
        current = [book for book, (born, _, _) in self._reach.items() if book.born == born]
        for book in current:
            if book.source in told:
                book.carrier = self.first
            _, offset, time = self._reach[book]
            book.tell(offset, time)
        for book, key, offset, number in self._tail:
            if book.born == self._reach[book][0]:
                book.keys[key] = (offset, number)
        return current
