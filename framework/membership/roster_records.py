"""The records of the roster as bytes; a record of a newer format, or garbage, is refused."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, TypeAlias

import orjson

from framework.identity import Incarnation
from framework.membership.roster import (
    Claim,
    Entry,
    GaveUp,
    Order,
    OrderKind,
    Restarting,
    Shadowing,
    Takeover,
    Wanted,
    Watch,
)
from framework.states import SeatState, ShadowState

FORMAT = 1
"""Written into each record; a record with a higher number comes from a newer version and is not read."""

WANTED_KEY = b"#wanted"
"""No instance id: `#` is not allowed in one."""

GAVE_UP_KEY = "#gave-up:"
"""Followed by the seat; no instance id either."""

WATCH_KEY = "#watch:"
"""Followed by the instance id in the standby group."""

ORDER_KEY = "#order:"
"""Followed by the seat."""

RESTARTING_KEY = "#restarting:"
"""Followed by the seat."""

CLAIM_KEY = "#claim:"
"""Followed by the seat, a colon and the instance id in the standby group."""

Record: TypeAlias = Entry | Wanted | GaveUp | Watch | Order | Restarting | Claim

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


def encode_watch(watch: Watch) -> tuple[bytes, bytes]:
    """Key and value of the record by which a standby says what it shadows."""
    fields = {"format": FORMAT, "seats": sorted(watch.seats), "failover_after": watch.failover_after}
    return f"{WATCH_KEY}{watch.standby_id}".encode(), orjson.dumps(fields)


def encode_order(order: Order) -> tuple[bytes, bytes]:
    """Key and value of the record by which an operator asks for a handover or a drill."""
    return f"{ORDER_KEY}{order.seat}".encode(), orjson.dumps({"format": FORMAT, **asdict(order)})


def encode_restarting(restarting: Restarting) -> tuple[bytes, bytes]:
    """Key and value of the record that a seat's next process is loading."""
    return f"{RESTARTING_KEY}{restarting.seat}".encode(), orjson.dumps({"format": FORMAT, **asdict(restarting)})


def claim_key(seat: str, standby_id: str) -> bytes:
    """Key of a claim; a record without a value takes it back."""
    return f"{CLAIM_KEY}{seat}:{standby_id}".encode()


def encode_claim(claim: Claim) -> tuple[bytes, bytes]:
    """Key and value of the record that a shadow is about to sit down."""
    return claim_key(claim.seat, claim.standby_id), orjson.dumps({"format": FORMAT, **asdict(claim)})


def decode(key: bytes | None, value: bytes) -> Record:
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
        if key is not None and key.startswith(b"#"):
            return _word_of(key.decode(), fields)
        entry = _entry_of(fields)
        if key is None or entry.group_instance_id != key.decode():
            raise UnreadableRecordError("key and value name different seats")
    except UnreadableRecordError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise UnreadableRecordError(f"no record of the roster: {exc!r}") from exc
    return entry


def _word_of(key: str, fields: Mapping[str, Any]) -> Record:
    """A record that is about a seat, and no entry."""
    kind, colon, name = key.partition(":")
    if (word := _WORDS.get(f"{kind}{colon}")) is None:
        raise UnreadableRecordError(f"no record that this version knows: {kind}")
    return word(name, fields)


_WORDS: Mapping[str, Callable[[str, Mapping[str, Any]], Record]] = {
    GAVE_UP_KEY: lambda name, fields: GaveUp(name, str(fields["host"]), str(fields["holder_client_id"])),
    WATCH_KEY: lambda name, fields: Watch(name, frozenset(map(str, fields["seats"])), float(fields["failover_after"])),
    ORDER_KEY: lambda name, fields: Order(
        name, OrderKind(fields["kind"]), str(fields["owner"]), str(fields["successor"])
    ),
    RESTARTING_KEY: lambda name, fields: Restarting(name, str(fields["client_id"])),
    CLAIM_KEY: lambda _name, fields: Claim(str(fields["seat"]), str(fields["standby_id"]), str(fields["client_id"])),
}


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
        "standby_id": entry.standby_id,
        "lease": entry.lease,
        "successor": entry.successor,
        "uncommitted": entry.uncommitted,
        "takeover": asdict(entry.takeover) if entry.takeover is not None else None,
        "shadowing": asdict(entry.shadowing) if entry.shadowing is not None else None,
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
        # These came later than the rest.
        boot_id=str(fields.get("boot_id", "")),
        standby_id=str(fields.get("standby_id", "")),
        lease=float(fields.get("lease", 0.0)),
        successor=str(fields.get("successor", "")),
        uncommitted=int(fields.get("uncommitted", 0)),
        takeover=_takeover_of(fields.get("takeover")),
        shadowing=_shadowing_of(fields.get("shadowing")),
    )


def _takeover_of(fields: Mapping[str, Any] | None) -> Takeover | None:
    if fields is None:
        return None
    took = fields["took"]
    return Takeover(
        str(fields["kind"]),
        str(fields["from_client_id"]),
        float(fields["silent_for"]),
        None if took is None else float(took),
    )


def _shadowing_of(fields: Mapping[str, Any] | None) -> Shadowing | None:
    if fields is None:
        return None
    return Shadowing(
        str(fields["group_id"]),
        ShadowState(fields["state"]),
        str(fields["problem"]),
        float(fields["failover_after"]),
        {str(seat): None if lag is None else int(lag) for seat, lag in fields["lags"].items()},
    )
