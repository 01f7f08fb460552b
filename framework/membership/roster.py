"""Who sits where, as the workers say it themselves: the entries of the roster and a view of them; reads no topic.

The roster of a group is the compacted topic `<group_id>-roster`. Partition `SEATS` holds one entry a seat, written by
the worker in it; partition `CONTROL` holds what an operator asked for. A topic that was made with fewer partitions has
both in one, which the keys allow.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from framework.identity import Incarnation
from framework.states import GONE, SeatState

FORMAT = 1
"""Written into each record; a record with a higher number comes from a newer version and is not read."""

SEATS, CONTROL = 0, 1
PARTITIONS = 2

WANTED_KEY = b"#wanted"
"""No instance id: `#` is not allowed in one."""

STALE_AFTER = 10.0
"""Seconds, and at least five intervals of its writer, after which an entry that nobody renews is a dead one's."""


def topic_name(group_id: str) -> str:
    """Name of the roster topic of a group."""
    return f"{group_id}-roster"


@dataclass(frozen=True, slots=True)
class Entry:
    """What a worker says of itself.

    Attributes:
        group_instance_id: its seat.
        client_id: its incarnation as the broker shows it in DescribeGroups.
        incarnation: host, process id, start, suffix.
        state: what it is doing in its seat.
        since_ms: when that state began, milliseconds since 1970 by its own clock.
        service: its service.
        ordinal: its number among its replicas, or None.
        interval: seconds between its entries.
        role: `primary`.
        generation_id: of the group when it joined last; -1 before.
        member_id: given by the broker when it joined last; empty before.
        assignment: `{topic: partitions}` as it joined last.
        heartbeat_age: seconds since a heartbeat was answered; None before the first.
        reason: why it stops; empty while it does not.
    """

    group_instance_id: str
    client_id: str
    incarnation: Incarnation
    state: SeatState
    since_ms: int
    service: str
    ordinal: int | None = None
    interval: float = 1.0
    role: str = "primary"
    generation_id: int = -1
    member_id: str = ""
    assignment: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    heartbeat_age: float | None = None
    reason: str = ""

    @property
    def stale_after(self) -> float:
        """Seconds without a new entry after which this one counts as a dead process's."""
        return max(STALE_AFTER, 5 * self.interval)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `framework scale` wrote last.

    Attributes:
        count: how many workers the group is to have.
        surplus: seats that are to be left now.
    """

    count: int
    surplus: frozenset[str] = frozenset()


class UnreadableRecordError(ValueError):
    """Raised for a record of a newer format, or one that is no record of the roster at all; skip it."""


def encode(entry: Entry) -> bytes:
    """The value of a seat's record; its key is the instance id in UTF-8."""
    return orjson.dumps({"format": FORMAT, **_fields_of(entry)})


def encode_wanted(wanted: Wanted) -> bytes:
    """The value of the record with the key `WANTED_KEY`."""
    return orjson.dumps({"format": FORMAT, "count": wanted.count, "surplus": sorted(wanted.surplus)})


def decode(key: bytes | None, value: bytes) -> Entry | Wanted:
    """Read one record.

    Raises:
        UnreadableRecordError: it is of a newer format, or garbage.
    """
    try:
        fields = orjson.loads(value)
        if fields["format"] > FORMAT:
            raise UnreadableRecordError(f"format {fields['format']} is newer than {FORMAT}")
        if key == WANTED_KEY:
            return Wanted(int(fields["count"]), frozenset(map(str, fields["surplus"])))
        entry = _entry_of(fields)
        if key is None or entry.group_instance_id != key.decode():
            raise UnreadableRecordError("key and value name different seats")
    except UnreadableRecordError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise UnreadableRecordError(f"no record of the roster: {exc!r}") from exc
    return entry


def _fields_of(entry: Entry) -> dict[str, Any]:
    incarnation = entry.incarnation
    return {
        "group_instance_id": entry.group_instance_id,
        "client_id": entry.client_id,
        "host": incarnation.host,
        "pid": incarnation.pid,
        "start_ms": incarnation.start_ms,
        "suffix": incarnation.suffix,
        "state": entry.state.value,
        "since_ms": entry.since_ms,
        "service": entry.service,
        "ordinal": entry.ordinal,
        "interval": entry.interval,
        "role": entry.role,
        "generation_id": entry.generation_id,
        "member_id": entry.member_id,
        "assignment": {topic: list(partitions) for topic, partitions in entry.assignment.items()},
        "heartbeat_age": entry.heartbeat_age,
        "reason": entry.reason,
    }


def _entry_of(fields: Mapping[str, Any]) -> Entry:
    return Entry(
        group_instance_id=str(fields["group_instance_id"]),
        client_id=str(fields["client_id"]),
        incarnation=Incarnation(
            str(fields["host"]), int(fields["pid"]), int(fields["start_ms"]), str(fields["suffix"])
        ),
        state=SeatState(fields["state"]),
        since_ms=int(fields["since_ms"]),
        service=str(fields["service"]),
        ordinal=None if fields["ordinal"] is None else int(fields["ordinal"]),
        interval=float(fields["interval"]),
        role=str(fields["role"]),
        generation_id=int(fields["generation_id"]),
        member_id=str(fields["member_id"]),
        assignment={str(topic): tuple(map(int, found)) for topic, found in fields["assignment"].items()},
        heartbeat_age=None if fields["heartbeat_age"] is None else float(fields["heartbeat_age"]),
        reason=str(fields["reason"]),
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """An entry and when it came.

    Attributes:
        entry: as it was written.
        seen_at: monotonic seconds of this machine when it was read.
        written_ms: when the broker got it, milliseconds since 1970.
    """

    entry: Entry
    seen_at: float
    written_ms: int

    def age(self, now: float) -> float:
        """Seconds since it was read: an entry that a live worker renews stays young."""
        return now - self.seen_at

    def is_alive(self, now: float) -> bool:
        """Whether its process has to be taken for a live one."""
        return self.entry.state not in GONE and self.age(now) < self.entry.stale_after


class RosterView:
    """The newest entry of each incarnation of each seat, and what is wanted.

    Two processes that fight for a seat write under one key, so the last record of a key is not the whole truth.
    """

    def __init__(self) -> None:
        self.wanted: Wanted | None = None
        self._seen: dict[str, dict[str, Seen]] = {}

    def apply(self, key: bytes | None, value: bytes | None, now: float, written_ms: int) -> None:
        """Take in one record; no value means that the key was deleted.

        Raises:
            UnreadableRecordError: it is of a newer format, or garbage; the view is as before.
        """
        if value is None:
            if key == WANTED_KEY:
                self.wanted = None
            self._seen.pop((key or b"").decode(errors="replace"), None)
            return
        record = decode(key, value)
        if isinstance(record, Wanted):
            self.wanted = record
            return
        of_seat = self._seen.setdefault(record.group_instance_id, {})
        # The order in the dict is that of the last writing; what has been replaced for long is forgotten.
        of_seat.pop(record.client_id, None)
        of_seat[record.client_id] = Seen(record, now, written_ms)
        while len(of_seat) > 8:
            of_seat.pop(next(iter(of_seat)))

    def seats(self) -> Mapping[str, Seen]:
        """`{group_instance_id: what was written last for it}`."""
        return {seat: next(reversed(found.values())) for seat, found in self._seen.items() if found}

    def of(self, group_instance_id: str, client_id: str) -> Seen | None:
        """The newest entry of one incarnation."""
        return self._seen.get(group_instance_id, {}).get(client_id)

    def member(self, group_instance_id: str, member_id: str) -> Seen | None:
        """The newest entry of the incarnation that has this member id."""
        found = self._seen.get(group_instance_id, {}).values()
        return next((seen for seen in reversed(list(found)) if seen.entry.member_id == member_id), None)

    def all_live(self, group_instance_id: str, now: float) -> list[Seen]:
        """The entries of incarnations of the seat that have to be taken for live ones, the one written last at the end.

        A process that was fenced cannot say that it has gone, and stays among them until its entry is stale.
        """
        return [seen for seen in self._seen.get(group_instance_id, {}).values() if seen.is_alive(now)]

    def live(self, group_instance_id: str, now: float) -> Seen | None:
        """The one of them that was written last."""
        return next(reversed(self.all_live(group_instance_id, now)), None)
