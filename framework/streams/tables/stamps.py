"""What a changelog record's headers say of the source events that made it; knows no table and no store.

One record tells, for each source that has changed its key, up to which event its value has the changes of that source:
those whose changes it brings (`framework-changes`), and those that it only says again, because it takes the place of a
record that has said it (`framework-carried`). Some records also tell up to which event all changes of a source are in
the changelog, whatever their keys (`framework-complete`). `framework-source` is an older form of both: one change a
record, in order, so that all changes of earlier events were in.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

CHANGES = "framework-changes"
CARRIED = "framework-carried"
COMPLETE = "framework-complete"
OLD = "framework-source"

NOT_TOLD = -1
"""In place of `born` in the older form."""


class Change(NamedTuple):
    """The last change of a key by one source; all earlier changes of that key by it are in the value, too.

    Attributes:
        born: tells a topic from the one that had its name before; 0 for the first that is known, else the time of the
            event that showed it, ms. Offsets compare only within it.
        time: no event of the source up to this one is younger, ms.
        offset: of the event, in its source partition.
        number: the how manyeth change of its key by this event, from 1.
        source: `partition topic agent`. Two agents that read one topic are two sources: each has an order of its own.
    """

    born: int
    time: int
    offset: int
    number: int
    source: bytes


class Point(NamedTuple):
    """All changes by events of a source before this one are in the changelog.

    Attributes:
        born, time, offset, source: as in `Change`.
    """

    born: int
    time: int
    offset: int
    source: bytes


class Stamps(NamedTuple):
    """What one record's headers say."""

    changes: Sequence[Change]
    points: Sequence[Point]
    carried: Sequence[Change] = ()


def write_change(born: int, time: int, offset: int, number: int, source: bytes) -> bytes:
    """A change as it stands in a header; several are joined with zero bytes."""
    return b"%d %d %d %d %b" % (born, time, offset, number, source)


def write_point(point: Point) -> bytes:
    """A point as it stands in a header; several are joined with zero bytes."""
    return b"%d %d %d %b" % point


def stamps_of(headers: Mapping[str, bytes] | Iterable[tuple[str, bytes]] | None) -> Stamps | None:
    """What a changelog record's headers say; None where they say nothing that can be read."""
    if not headers:
        return None
    changes: list[Change] = []
    carried: list[Change] = []
    points: list[Point] = []
    try:
        for name, value in headers.items() if isinstance(headers, Mapping) else headers:
            if name == CHANGES:
                changes += [_change(each) for each in value.split(b"\0")]
            elif name == CARRIED:
                carried += [_change(each) for each in value.split(b"\0")]
            elif name == COMPLETE:
                points += [_point(each) for each in value.split(b"\0")]
            elif name == OLD:
                return _old(value)
    except ValueError:
        return None
    return Stamps(changes, points, carried) if changes or points or carried else None


def _change(header: bytes) -> Change:
    born, time, offset, number, source = header.split(b" ", 4)
    return Change(int(born), int(time), int(offset), int(number), source)


def _point(header: bytes) -> Point:
    born, time, offset, source = header.split(b" ", 3)
    return Point(int(born), int(time), int(offset), source)


def _old(header: bytes) -> Stamps:
    time, offset, number, source = header.split(b" ", 3)
    at, where = int(time), int(offset)
    return Stamps(
        [Change(NOT_TOLD, at, where, int(number), source)],
        [Point(NOT_TOLD, at, where, source)],
    )


def as_headers(changes: Iterable[Any], points: Iterable[Point], carried: Iterable[Any] = ()) -> list[tuple[str, bytes]]:
    """Headers that say this; none where there is nothing to say."""
    told = (
        (CHANGES, b"\0".join(write_change(*change) for change in changes)),
        (CARRIED, b"\0".join(write_change(*change) for change in carried)),
        (COMPLETE, b"\0".join(write_point(point) for point in points)),
    )
    return [(name, value) for name, value in told if value]
