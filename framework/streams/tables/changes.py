"""Changes of one table partition on their way from agents to the changelog; knows no producer and no store."""

from collections.abc import Callable, Collection
from typing import Any

from framework.streams.tables.books import Book, Ledger
from framework.streams.tables.echoes import Echoes

Signature = tuple[Book, int, int]
"""Who has changed a key last: the source's book, the event's offset, the how manyeth change of the key by it."""


class Entry:
    """A key that was changed and whose value is not confirmed to be in the changelog.

    Attributes:
        key: as it stands in the changelog.
        value: the latest; None where the key was deleted.
        is_packed: whether the value is bytes already. If not it is of a type that cannot change.
        book, offset, number: the source that changed it last, as in `Signature`; no book where nobody is known.
        others: the same of other sources that have changed it since the last flush.
        has_expired: its window was closed; it shall not come back.
        outstanding: how often it was sent and not confirmed, where each change is sent at once.
    """

    # Defaults of the class, because most entries need nothing else, and making them is most of the cost of a new key.
    value: Any = None
    is_packed = True
    others: dict[Book, tuple[int, int]] | None = None
    has_expired = False
    outstanding = 0

    def __init__(self, key: bytes, book: Book | None = None, offset: int = -1, number: int = -1) -> None:
        self.key, self.book, self.offset, self.number = key, book, offset, number

    def sign(self, book: Book, offset: int, number: int) -> None:
        """A source has changed it; of what it has changed before only the last counts."""
        if self.book is not book:
            if self.book is not None:
                self.others = self.others or {}
                self.others[self.book] = (self.offset, self.number)
            if self.others is not None:
                self.others.pop(book, None)
            self.book = book
        self.offset, self.number = offset, number

    def number_by(self, book: Book, offset: int) -> int:
        """How many changes of it by an event of a source it has; 0 if the last one is an earlier event's."""
        if self.book is book:
            return self.number if self.offset == offset else 0
        known = self.others.get(book) if self.others is not None else None
        return known[1] if known is not None and known[0] == offset else 0

    def disown(self, book: Book) -> None:
        """Forget what a source has done: its topic was made anew, and its events do not come again."""
        if self.book is book:
            self.book = None
        if self.others is not None:
            self.others.pop(book, None)

    def signatures(self) -> list[Signature]:
        """Of all sources that have changed it."""
        found = [] if self.book is None else [(self.book, self.offset, self.number)]
        if self.others is not None:
            found += [(book, *known) for book, known in self.others.items()]
        return found


class Changes:
    """What was changed in one partition of a table.

    Args:
        partition: of the changelog.
        ledger: what is known of who has changed it.
        wake: to be called when there is a first one in `dirty`.
        places: the store's partition of each key, if it has objects. Keys get there by `place`, many at once.
        values: those objects.

    Attributes:
        dirty: `{mark: entry}` of keys that were changed since the last flush. A mark stands for a key: the key itself
            where the store has objects, its bytes where it has bytes.
        flying: the same of those that were sent and are not confirmed; `dirty` is newer.
        gone: marks of keys that were deleted since their places were looked at.
        weight: bytes of values in `dirty`, about.
        is_dropped: the partition was given up; nothing of it is sent any more.
        echoes: what was confirmed while older records are still to be read: during a recovery, and where several write
            to the partition and read what the others write. None elsewhere.
    """

    __slots__ = (
        "_places",
        "_values",
        "dirty",
        "echoes",
        "flying",
        "gone",
        "is_dropped",
        "ledger",
        "partition",
        "wake",
        "weight",
    )

    def __init__(
        self,
        partition: int,
        ledger: Ledger,
        wake: Callable[[], None],
        places: dict[Any, int] | None = None,
        values: dict[Any, Any] | None = None,
    ) -> None:
        self.partition, self.ledger = partition, ledger
        self.dirty: dict[Any, Entry] = {}
        self.flying: dict[Any, Entry] = {}
        self.gone: list[Any] = []
        self.weight = 0
        self.is_dropped = False
        self.echoes: Echoes | None = None
        self.wake = wake
        self._places, self._values = places, values

    @property
    def is_busy(self) -> bool:
        """Whether something is on its way."""
        return bool(self.dirty or self.flying)

    def find(self, mark: Any) -> Entry | None:
        """What is newer of a key than what its store has written."""
        return self.dirty.get(mark) or self.flying.get(mark)

    def place(self) -> None:
        """Have the keys of what is dirty go when the partition goes; Faust forgets those that agents have set.

        Those that were deleted, or have expired, have gone already.
        """
        if self._places is not None and self._values is not None:
            self._places.update(dict.fromkeys(self.dirty, self.partition))
            for mark in self.gone:
                if mark not in self._values:
                    self._places.pop(mark, None)
            self.gone.clear()

    def take(self) -> dict[Any, Entry]:
        """Begin a flush: what is dirty is on its way from here on."""
        entries = self.flying = self.dirty
        self.place()
        self.dirty, self.weight = {}, 0
        for mark, entry in entries.items():
            book = entry.book
            # In the same event it may be changed again, and that is the next change then.
            if book is not None and entry.offset == book.offset:
                book.made[mark] = entry.number
            if entry.others is not None:
                for other, (offset, number) in entry.others.items():
                    if offset == other.offset:
                        other.made[mark] = number
        return entries

    def landed(self, marks: Collection[Any], offset: int | None) -> list[Any]:
        """What was on its way is in the changelog, up to this offset; returns what was read meanwhile and is newer."""
        self.flying = {}
        if self.echoes is None or offset is None:
            return []
        self.echoes.land(offset, marks)
        return self.echoes.read_to(-1, self.find)

    def disown(self, book: Book) -> None:
        """Forget what a source has done."""
        for entries in (self.dirty, self.flying):
            for entry in entries.values():
                entry.disown(book)

    def drop(self) -> list[Any]:
        """Give the partition up; returns the marks of what the changelog does not have."""
        marks = [*self.dirty, *self.flying]
        self.dirty, self.flying, self.weight, self.is_dropped = {}, {}, 0, True
        return marks
