"""Which source record made each change of a table, so that a replay does not make it again; knows no store, no Kafka.

Each changelog record that an agent makes says in a header which event made it, and which change of its key by that
event it is (1, 2, ..). One task makes the changes of a source partition in the order of its offsets, and the changelog
keeps that order. So of the last event in a changelog partition the counts of changes of each key are known, and of
every event before it all changes have survived.

The header also says the latest time that any event up to this one was stamped with. A record at a known offset that is
younger belongs to a topic that was deleted and made anew; it is no replay.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from faust.types import TP

HEADER = "framework-source"


class Change(NamedTuple):
    """Which change of a key this is; compares by time and offset, so that a later event's is greater.

    Attributes:
        time: latest timestamp of the source's events up to this one, ms.
        offset: of the event, in its source partition.
        number: the how manyeth change of its key by this event, from 1.
        source: `partition topic agent`. Two agents that read one topic are two sources: each has an order of its own.
    """

    time: int
    offset: int
    number: int
    source: bytes

    def to_header(self) -> bytes:
        """As it stands in the header of a changelog record."""
        return b"%d %d %d %b" % (self.time, self.offset, self.number, self.source)

    @classmethod
    def from_header(cls, header: bytes) -> "Change":
        """Read a header.

        Raises:
            ValueError: it is none of ours.
        """
        time, offset, number, source = header.split(b" ", 3)
        return cls(int(time), int(offset), int(number), source)


def change_of(headers: Mapping[str, bytes] | Iterable[tuple[str, bytes]] | None) -> Change | None:
    """The change that a changelog record's headers tell of; None where they tell of none."""
    if not headers:
        return None
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        if name == HEADER:
            try:
                return Change.from_header(value)
            except ValueError:
                return None
    return None


class Book:
    """How far one source has changed one table partition.

    Attributes:
        time, offset: the last event whose change is in the table, as in `Change`.
        survived: `{key: number of changes that event has made of it}`; forgotten when the next event makes one.
    """

    __slots__ = ("_made", "_message", "_places", "offset", "survived", "time")

    def __init__(self) -> None:
        self.time, self.offset = -1, -1
        self.survived: dict[bytes, int] = {}
        self._places: dict[bytes, int] = {}
        self._message: Any = None
        self._made: dict[bytes, int] = {}

    def note(self, change: Change, key: bytes, place: int | None = None) -> bool:
        """Take in a change that is in the table, and the key's place if it has one; False if it says nothing new.

        Changes may be told again and in any order: what is known never goes back. A worker that has lost its seat may
        have written behind its successor's first records.
        """
        last, told = (self.time, self.offset), (change.time, change.offset)
        if told < last:
            return False
        if told > last:
            self.time, self.offset = told
            self.survived.clear()
            self._places.clear()
        elif change.number <= self.survived.get(key, 0):
            return False
        self.survived[key] = change.number
        if place is not None:
            self._places[key] = place
        return True

    def is_late(self, change: Change) -> bool:
        """Whether it was made by an earlier event than the last one that is known."""
        return (change.time, change.offset) < (self.time, self.offset)

    def place(self, key: bytes) -> int:
        """A small number that is this key's own among those that the last event has changed."""
        return self._places.setdefault(key, len(self._places))

    def claim(self, message: Any, key: bytes, source: bytes) -> Change | None:
        """Count a change that an event is about to make; None if it has survived, and must not be made again.

        Args:
            message: the event's message; the same event that is delivered again has another one.
            key: as it stands in the changelog.
            source: as in `Change`.
        """
        if message is not self._message:
            self._message, self._made = message, {}
        number = self._made[key] = self._made.get(key, 0) + 1
        time, offset = round((message.timestamp or 0) * 1000), message.offset
        if time <= self.time and (
            offset < self.offset or (offset == self.offset and number <= self.survived.get(key, 0))
        ):
            return None
        change = Change(max(time, self.time), offset, number, source)
        self.note(change, key)
        return change


class Sources:
    """What is known of all table partitions in this process."""

    def __init__(self) -> None:
        self._books: defaultdict[TP, defaultdict[bytes, Book]] = defaultdict(lambda: defaultdict(Book))
        self._names: dict[tuple[str, TP], bytes] = {}
        self.suppressed = 0
        """How many changes were not made because they had survived."""

    def note(self, message: Any) -> bool:
        """Take in one record of a changelog, and say whether it is to be applied to its table.

        A worker that was cut off may have had records on their way when it lost its seat, which come in behind those of
        its successor. They are of events that the successor has done again, so their values are outdated.

        Args:
            message: Faust's `ConsumerMessage`, of which tp, key and headers count.

        Returns:
            False for a record of an earlier event than one whose change was taken in before.
        """
        change = change_of(message.headers)
        if change is None:
            return True
        book = self._books[message.tp][change.source]
        if book.is_late(change):
            return False
        book.note(change, message.key)
        return True

    def restore(self, tp: TP, change: Change, key: bytes) -> None:
        """Take in one change that is in a table's partition.

        Args:
            tp: the changelog's partition.
            change: what its header said.
            key: as it stands in the changelog.
        """
        self._books[tp][change.source].note(change, key)

    def claim(self, tp: TP, key: bytes, agent: str, message: Any) -> Change | None:
        """Ask for a change that an agent is about to make, and count it; None if it has survived.

        Args:
            tp: the changelog's partition.
            key: as it stands in the changelog.
            agent: name of the agent.
            message: the message of the event that makes it.
        """
        source = self._names.get((agent, message.tp))
        if source is None:
            source = f"{message.partition} {message.topic} {agent}".encode()
            self._names[agent, message.tp] = source
        change = self._books[tp][source].claim(message, key, source)
        if change is None:
            self.suppressed += 1
        return change

    def forget(self, tp: TP) -> None:
        """Of a changelog partition that others may write to from now on nothing is known any more."""
        self._books.pop(tp, None)

    def known(self) -> set[TP]:
        """The changelog partitions of which something is known."""
        return set(self._books)
