"""The records of the roster as bytes; a record of a newer format, or garbage, is refused."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import orjson

from framework.identity import Incarnation
from framework.membership.roster import Entry, GaveUp, Wanted
from framework.states import SeatState

FORMAT = 1
"""Written into each record; a record with a higher number comes from a newer version and is not read."""

WANTED_KEY = b"#wanted"
"""No instance id: `#` is not allowed in one."""

GAVE_UP_KEY = "#gave-up:"
"""Followed by the seat; no instance id either."""

LONGEST_INTERVAL = 60.0
"""Seconds between entries that a record may claim: a process that would be silent for longer is not believed in."""


class UnreadableRecordError(ValueError):
    """Raised for a record of a newer format, or one that is no record of the roster at all; skip it."""


def encode(entry: Entry) -> bytes:
    """The value of a seat's record; its key is the instance id in UTF-8."""
    return orjson.dumps({"format": FORMAT, **_fields_of(entry)})


def encode_wanted(wanted: Wanted) -> bytes:
    """The value of the record with the key `WANTED_KEY`."""
    return orjson.dumps({"format": FORMAT, "count": wanted.count, "surplus": sorted(wanted.surplus)})


def gave_up_key(group_instance_id: str) -> bytes:
    """The key of the record that somebody gave up waiting for a seat."""
    return f"{GAVE_UP_KEY}{group_instance_id}".encode()


def encode_gave_up(gave_up: GaveUp) -> bytes:
    """The value of that record."""
    return orjson.dumps({"format": FORMAT, **asdict(gave_up)})


def decode(key: bytes | None, value: bytes) -> Entry | Wanted | GaveUp:
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
        if key is not None and key.startswith(GAVE_UP_KEY.encode()):
            seat = key.decode().removeprefix(GAVE_UP_KEY)
            return GaveUp(seat, str(fields["host"]), str(fields["holder_client_id"]))
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
        "boot_id": entry.boot_id,
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
        interval=min(float(fields["interval"]), LONGEST_INTERVAL),
        role=str(fields["role"]),
        generation_id=int(fields["generation_id"]),
        member_id=str(fields["member_id"]),
        assignment={str(topic): tuple(map(int, found)) for topic, found in fields["assignment"].items()},
        heartbeat_age=None if fields["heartbeat_age"] is None else float(fields["heartbeat_age"]),
        reason=str(fields["reason"]),
        # Came later than the rest.
        boot_id=str(fields.get("boot_id", "")),
    )
