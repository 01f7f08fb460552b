"""Where the changes go that are made during an event: the partition, and the book of whoever makes them."""

from collections.abc import Callable
from typing import Any

from faust.types import TP

from framework.streams.tables.authors import Author, running_in
from framework.streams.tables.books import Book
from framework.streams.tables.changes import Changes


class Desk:
    """What one agent changes in one partition.

    Attributes:
        changes: the partition's.
        book: None where it is not known in which order the changes are made.
        event: whose turn it is here.
        reader: what reads it, where events know that.
        tp: where they come from then.
    """

    __slots__ = ("book", "changes", "event", "reader", "tp")

    def __init__(self, changes: Any, book: Book | None) -> None:
        self.changes, self.book = changes, book
        self.event: Any = self  # no event is that
        self.reader: Any = None
        self.tp: Any = None

    def take_turn(self, event: Any, reader: Any) -> None:
        """An event that knows its reader, and is in hand there, has its turn."""
        self.reader, self.tp = reader, event.part.tp
        if self.event is not event:
            self.follow(event)

    def follow(self, event: Any) -> bool:
        """Give the next event its turn, if it is of the same source as the one before and in hand, as almost always.

        Returns:
            whether it is; else nothing has happened.
        """
        reader = event.reader
        if (
            self.reader is not reader
            or self.tp is not event.part.tp
            or reader.stream.current_event is not event
            or running_in(reader.loop) is not reader.task
        ):
            return False
        record, book, self.event = event.record, self.book, event
        if book is not None:
            offset, time = record.offset, record.timestamp or 0
            if offset > book.horizon:
                # As almost always; what `begin` does then, without a call for each event.
                book.at = book.offset = book.horizon = offset
                book.is_replay = False
                if book.made:
                    book.made = {}
                if time > book.time:
                    book.time = time
            elif book.begin(offset, time):
                self.changes.disown(book)
        return True

    def begin(self, author: Author) -> None:
        """An event has its turn; the same one has it until another object comes."""
        assert self.book is not None, "nobody is known here"
        if self.event is not author.token:
            self.event = author.token
            if self.book.begin(author.offset, author.time):
                self.changes.disown(self.book)


class Desks:
    """The desks of one table.

    Args:
        changes: gives those of a partition.
        name: gives the name of the source that an agent and a source partition are.
    """

    def __init__(self, changes: Callable[[int], Changes], name: Callable[[str, TP], bytes]) -> None:
        self._changes, self._name = changes, name
        self._desks: dict[tuple[str | None, TP | None, int], Desk] = {}

    def at(self, key: tuple[str | None, TP | None, int]) -> Desk | None:
        """The desk of an agent, its source partition and the changelog's partition, if there is one."""
        return self._desks.get(key)

    def of(self, author: Author | None, partition: int) -> Desk:
        """The desk of an author, at which it has begun with its event; with no author nobody's."""
        key = (None, None, partition) if author is None else (author.agent, author.tp, partition)
        desk = self._desks.get(key)
        if desk is None:
            changes = self._changes(partition)
            book = None if author is None else changes.ledger.book(self._name(author.agent, author.tp))
            desk = self._desks[key] = Desk(changes, book)
        if author is not None:
            desk.begin(author)
        return desk

    def clear(self) -> None:
        """Forget them all: a partition was given up."""
        self._desks.clear()
