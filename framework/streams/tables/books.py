"""How far each source has changed one changelog partition: what the changelog has, and what this process has done.

A change of key K, the n-th that event x makes of it, has survived if the changelog says so of x in whole (x lies before
`told`), or of K (`keys`), or if this process has made it. Both sayings stay true whatever part of the later records is
lost or compacted: each record speaks of its own key, and `told` is only ever moved on to what the brokers have
confirmed.
"""

from typing import Any

from framework.streams.tables.stamps import NOT_TOLD, Change, Point, Stamps


class Book:
    """One source's changes of one changelog partition.

    Attributes:
        source: its name, as in `Change`.
        born: which topic of that name the offsets are of.
        time: no known event is younger, ms.
        told: all changes of events before this offset are in the changelog; -1 where that is not known of any.
        told_time: `time` at that event.
        keys: `{key: (offset, number)}`, the last change that the changelog has of it, where that is not before `told`.
        carrier: the key whose latest record has told of `told`; one that takes its place has to tell it again.
        offset: all changes of events before this one are in the table of this process.
        horizon: the highest offset of which a change is known.
        at: offset of the event whose turn it is.
        is_replay: whether that event may have made changes before.
        made: `{mark: number}`, changes that event `offset` has made here and that have left `Changes.dirty`.
    """

    __slots__ = (
        "_counts",
        "at",
        "born",
        "carrier",
        "horizon",
        "is_replay",
        "keys",
        "made",
        "offset",
        "source",
        "time",
        "told",
        "told_time",
    )

    def __init__(self, source: bytes) -> None:
        self.source, self.time, self.is_replay, self.at = source, -1, False, -1
        self._start_anew(0)

    def _start_anew(self, born: int) -> None:
        self.born = born
        self.told = self.told_time = self.offset = self.horizon = -1
        self.keys: dict[bytes, tuple[int, int]] = {}
        self.made: dict[Any, int] = {}
        self._counts: dict[Any, int] = {}
        self.carrier: bytes | None = None

    # --- what the changelog says --------------------------------------------------------------------------------------

    def is_behind(self, change: Change, key: bytes) -> bool:
        """Whether a change is older than what is known of its key already."""
        born = self._born_of(change)
        if born != self.born:
            return born < self.born
        return change.offset < self.told or (change.offset, change.number) < self.keys.get(key, (-1, 0))

    def take_change(self, change: Change, key: bytes) -> None:
        """Take in what a record says of its key."""
        born = self._born_of(change)
        if born > self.born:
            self._start_anew(born)
        self.time = max(self.time, change.time)
        if born == self.born and change.offset >= self.told:
            self.keys[key] = max(self.keys.get(key, (-1, 0)), (change.offset, change.number))
            self.horizon = max(self.horizon, change.offset)

    def take_point(self, point: Point, key: bytes | None) -> None:
        """Take in up to where everything is in the changelog, told by a record of some key."""
        born = self._born_of(point)
        if born > self.born:
            self._start_anew(born)
        if born == self.born and point.offset >= self.told:
            self.tell(point.offset, point.time)
            self.time = max(self.time, point.time)
            self.carrier = key

    def tell(self, offset: int, time: int) -> None:
        """All changes of events before this one are in the changelog."""
        if offset > self.told:
            self.told, self.told_time = offset, time
            self.offset, self.horizon = max(self.offset, offset), max(self.horizon, offset)
            if self.keys:
                self.keys = {key: known for key, known in self.keys.items() if known[0] >= offset}

    def _born_of(self, told: Change | Point) -> int:
        """The older form does not say it: there a topic was made anew when time has gone on and the offset back."""
        if told.born != NOT_TOLD:
            return told.born
        if told.time > self.time and told.offset < self.horizon:
            return told.time
        # And what comes late is of the topic that was there before.
        return self.born - 1 if told.time < self.told_time and told.offset > self.horizon else self.born

    # --- what this process does ---------------------------------------------------------------------------------------

    def begin(self, offset: int, time: int) -> bool:
        """An event has its turn, or has it once more.

        Returns:
            whether it belongs to a topic that was made anew: what is known of the old one is forgotten.
        """
        self.at = offset
        if offset > self.horizon:
            self.offset = self.horizon = offset
            self.is_replay = False
            if self.made:
                self.made = {}
            if time > self.time:
                self.time = time
            return False
        if time > self.time:
            self._start_anew(time)
            self.begin(offset, time)
            return True
        self.is_replay, self._counts = True, {}
        return False

    def replay(self, mark: Any, key: bytes, dirty: int) -> int | None:
        """Count a change by an event that may have made it before.

        Args:
            mark: the key as it stands in `Changes.dirty`.
            key: as it stands in the changelog.
            dirty: how many changes of it this event has made that are still in `Changes.dirty`.

        Returns:
            which change of its key by this event it is; None if it has survived, and must not be made again.
        """
        number = self._counts[mark] = self._counts.get(mark, 0) + 1
        if self.at < self.offset or self.keys.get(key, (-1, 0)) >= (self.at, number):
            return None
        if self.at > self.offset:
            self.offset, self.made = self.at, {}
        elif number <= max(self.made.get(mark, 0), dirty):
            return None
        return number

    def count(self, key: bytes) -> int | None:
        """As `replay` for a change that is sent at once, by whatever event has its turn; it is told with it."""
        if self.is_replay:
            number = self.replay(key, key, 0)
            if number is None:
                return None
        else:
            offset, number = self.keys.get(key, (-1, 0))
            number = number + 1 if offset == self.at else 1
        self.tell(self.at, self.time)
        self.keys[key], self.carrier = (self.at, number), key
        return number


class Ledger:
    """The books of one changelog partition.

    Attributes:
        books: `{source: its book}`.
        fresh: what was read since a store has written it down, source and key; None where nobody does.
    """

    __slots__ = ("books", "fresh")

    def __init__(self) -> None:
        self.books: dict[bytes, Book] = {}
        self.fresh: list[tuple[bytes, bytes]] | None = None

    def book(self, source: bytes) -> Book:
        """The book of a source."""
        book = self.books.get(source)
        if book is None:
            book = self.books[source] = Book(source)
        return book

    def note(self, key: bytes, stamps: Stamps) -> bool:
        """Take in what a record of the changelog says; False if it is older than what is known of its key.

        A worker that was cut off may have had records on their way when it lost its seat, which come in behind those of
        its successor. They are of events that the successor has done again, so their values are outdated.

        Only what a record brings tells whether it is late, never what it carries. Step by step: one writer changes K,
        and then L, with which it says that K is complete; another one has read K and not yet L, and changes K; its
        record carries the first one's change of K, which is older than what L has said, and it is newer than both.
        """
        for change in stamps.changes:
            if self.book(change.source).is_behind(change, key):
                return False
        for point in stamps.points:
            self.book(point.source).take_point(point, key)
        for change in (*stamps.changes, *stamps.carried):
            self.book(change.source).take_change(change, key)
            if self.fresh is not None:
                self.fresh.append((change.source, key))
        if self.fresh is not None:
            self.fresh += [(point.source, key) for point in stamps.points]
        return True

    def carried(self, key: bytes, *, but: Book | None = None) -> list[tuple[int, int, int, int, bytes]]:
        """What a record of a key has to say again, because it takes the place of the one that has said it."""
        found = []
        for book in self.books.values():
            known = book.keys.get(key)
            if known is not None and book is not but:
                found.append((book.born, book.time, *known, book.source))
        return found

    def points(self, key: bytes | None = None) -> list[Point]:
        """Up to where everything of each source is in the changelog; only what a record of this key has told."""
        return [
            Point(book.born, book.told_time, book.told, book.source)
            for book in self.books.values()
            if book.told >= 0 and (key is None or book.carrier == key)
        ]
