"""What `framework standby status` hands to machines, and the parts of it that the other commands use; asks nobody."""

from framework.membership.protection import Protection, SeatLine, ShadowLine, StandbyLine
from framework.membership.roster import Entry
from framework.states import SeatState


def document(found: Protection) -> dict[str, object]:
    """Who protects whom as one JSON object; unknown is null, ages and durations are seconds."""
    return {
        "group_id": found.group.group_id,
        "standby_group_id": found.standby_group_id,
        "protected": found.is_complete,
        "problem": found.problem or None,
        "seats": [_seat(line) for line in found.seats],
        "standbys": [_standby(line) for line in found.standbys],
    }


def process_document(entry: Entry) -> dict[str, object]:
    """Who an entry is about."""
    return {
        "client_id": entry.client_id,
        "host": entry.incarnation.host,
        "pid": entry.incarnation.pid,
        "start_ms": entry.incarnation.start_ms,
    }


def takeover_document(entry: Entry) -> dict[str, object] | None:
    """How a process came into its seat."""
    found = entry.takeover
    if found is None:
        return None
    return {
        "kind": found.kind,
        "from_client_id": found.from_client_id,
        "silent_for": found.silent_for,
        "took": found.took,
        "running_since_ms": entry.since_ms if entry.state is SeatState.RUNNING else None,
    }


def _seat(line: SeatLine) -> dict[str, object]:
    owner = line.owner.entry if line.owner is not None else None
    return {
        "group_instance_id": line.seat,
        "owner": {
            **process_document(owner),
            "standby_id": owner.standby_id or None,
            "state": owner.state.value,
            "lease": owner.lease or None,
        }
        if owner is not None
        else None,
        "is_live": line.is_live,
        "age": line.age,
        "shadows": [_shadow(shadow) for shadow in line.shadows],
        "protected": line.is_protected,
        "why_not": line.why_not or None,
        "takeover": takeover_document(owner) if owner is not None else None,
    }


def _shadow(line: ShadowLine) -> dict[str, object]:
    return {
        "standby_id": line.standby_id,
        "host": line.seen.entry.incarnation.host,
        "state": line.shadowing.state.value,
        "lag": line.lag,
        "ready": not line.why_not,
    }


def _standby(line: StandbyLine) -> dict[str, object]:
    shadowing = line.seen.entry.shadowing
    return {
        "standby_id": line.standby_id,
        **process_document(line.seen.entry),
        "state": shadowing.state.value if shadowing is not None else None,
        "seat_state": line.seen.entry.state.value,
        "problem": (shadowing.problem or None) if shadowing is not None else None,
        "failover_after": shadowing.failover_after if shadowing is not None else None,
        "lags": dict(shadowing.lags) if shadowing is not None else {},
        "age": line.age,
        "is_silent": line.is_silent,
        "in_group": line.is_in_group,
        "sits_in": line.sits_in or None,
    }
