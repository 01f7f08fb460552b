"""When a shadow takes a seat: one pure decision from what it has heard; asks nobody, knows no clock."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from framework.membership.group import Group
from framework.membership.roster import Entry, Restarting
from framework.membership.roster_view import Seen
from framework.states import SeatState, StopReason

GRACE_AFTER_GAP = 5.0
"""Seconds that an owner is given to speak after its shadow has not heard the roster for a while."""

PER_RANK = 1.0
"""Seconds that each further shadow of a seat waits longer, so that one comes first."""

RARE = 2.5
"""Intervals that an owner may be silent whose entries are rare for the failover time."""


class DecisionKind(StrEnum):
    """What a shadow does about a seat now."""

    SLEEP = "sleep"
    TAKE = "take"


@dataclass(frozen=True, slots=True)
class Policy:
    """What the settings of the shadow say.

    Attributes:
        failover_after: seconds of silence after which a seat is taken.
        restart_budget: seconds that a worker which was stopped, or is being restarted, may be away.
        max_lag: changelog records that a shadow may be behind and still count as warm.
        behind: a shadow that is further behind: `take` all the same, or `wait` until it is warm.
    """

    failover_after: float = 3.0
    restart_budget: float = 10.0
    max_lag: int = 10_000
    behind: Literal["take", "wait"] = "take"


@dataclass(frozen=True, slots=True)
class Sight:
    """What a shadow knows of one seat at one moment; all times are monotonic seconds of its machine.

    Attributes:
        seat: the group instance id.
        now: the moment.
        own_client_id: of the process that decides.
        owner: what was written last for the seat, by whoever; None if nothing ever was.
        heard_since: since when it hears the roster without a gap, by the echo of its own entries; None: it is deaf.
        group: the primary group as described just now; None if it cannot be asked.
        lag: changelog records that it is behind; None if that is not known.
        is_after_gap: whether it had heard the roster before, and then for a while had not.
        restarting: which process a supervisor has started for the seat, and when that was read.
        rank: its place among the live shadows of the seat, from 0.
        claimed_by: the shadow that is about to sit down and comes before this one; empty where there is none.
        policy: what its settings say.
    """

    seat: str
    now: float
    own_client_id: str
    owner: Seen | None
    heard_since: float | None
    group: Group | None
    lag: int | None
    is_after_gap: bool = False
    restarting: tuple[Restarting, float] | None = None
    rank: int = 0
    claimed_by: str = ""
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about a seat.

    Attributes:
        kind: take it, or not now.
        why: a sentence for a person.
        silent_for: seconds for which the owner has not been heard, though it could have been.
        is_handover: whether the owner has handed the seat over to this very process.
    """

    kind: DecisionKind
    why: str
    silent_for: float = 0.0
    is_handover: bool = False


def decide(sight: Sight) -> Decision:
    """Decide whether to take the seat now.

    Silence counts only while the owner could have been heard. It is dead when it has been silent for longer than its
    lease, so it has stopped emitting by itself before, if it is not dead but cut off.

    Args:
        sight: what is known.
    """
    if sight.heard_since is None:
        return _sleep("The roster cannot be heard just now.")
    if sight.owner is None:
        return _sleep(f"No worker has ever been seen in {sight.seat}.")
    owner = sight.owner.entry
    silence = max(0.0, sight.now - max(sight.owner.seen_at, sight.heard_since))
    is_handover = owner.state is SeatState.STOPPED and owner.successor == sight.own_client_id
    why_not = (
        _not_to_be_had(owner, sight)
        or ("" if is_handover else _too_early(owner, sight, silence))
        or _somebody_else(owner, sight, silence)
        or ("" if is_handover else _claimed(sight) or _too_far_behind(sight))
    )
    if why_not:
        return _sleep(why_not, silence)
    why = f"{owner.client_id} hands it over." if is_handover else _found_dead(owner, silence)
    return Decision(DecisionKind.TAKE, why + _warning(sight), silence, is_handover)


def _sleep(why: str, silence: float = 0.0) -> Decision:
    return Decision(DecisionKind.SLEEP, why, silence)


# --- each says why not, or nothing ------------------------------------------------------------------------------------


def _not_to_be_had(owner: Entry, sight: Sight) -> str:
    if owner.client_id == sight.own_client_id:
        return "This very process has it."
    if owner.state is SeatState.LEFT:
        return "It was given up: its partitions belong to others."
    return ""


def _too_early(owner: Entry, sight: Sight, silence: float) -> str:
    allowed, why = _may_be_silent(owner, sight)
    allowed += sight.rank * PER_RANK
    if silence < allowed:
        return f"{owner.client_id} has been silent for {silence:.1f} s; {why} {allowed:.1f} s."
    assert sight.heard_since is not None
    grace = max(sight.policy.failover_after, GRACE_AFTER_GAP)
    if sight.is_after_gap and sight.now - sight.heard_since < grace:
        return f"The roster is heard again since {sight.now - sight.heard_since:.1f} s; everybody has {grace:.1f} s."
    return ""


def _may_be_silent(owner: Entry, sight: Sight) -> tuple[float, str]:
    """Seconds for which the owner may be silent, and what gives it the right to."""
    policy = sight.policy
    # One whose supervisor has died was not stopped by anybody who brings it back.
    is_planned = owner.reason != StopReason.SUPERVISOR_GONE
    if owner.state is SeatState.STOPPED and is_planned:
        return policy.restart_budget, "it was stopped, and may be away for"
    allowed = max(policy.failover_after, owner.lease or owner.stale_after)
    if owner.interval > policy.failover_after / 2:
        allowed = max(allowed, RARE * owner.interval)
    if policy.restart_budget > allowed:
        if owner.state is SeatState.STOPPING and is_planned:
            return policy.restart_budget, "it was stopping, and may be away for"
        if _is_being_restarted(owner, sight):
            return policy.restart_budget, "it is being restarted, and may be away for"
    return allowed, "it counts as dead after"


def _is_being_restarted(owner: Entry, sight: Sight) -> bool:
    if sight.owner is None or sight.restarting is None:
        return False
    restarting, read_at = sight.restarting
    # One that has spoken is no longer on its way; the two records are in two partitions, read in any order.
    return read_at >= sight.owner.seen_at and restarting.client_id != owner.client_id


def _somebody_else(owner: Entry, sight: Sight, silence: float) -> str:
    if sight.group is None:
        return "The group's coordinator cannot be asked just now."
    if not sight.group.members:
        return ""
    member = sight.group.in_seat(sight.seat)
    if member is None:
        return "Its session has ended: its partitions have moved to the others."
    if member.member_id != owner.member_id and silence <= owner.stale_after:
        return f"Somebody has sat down in it who has not spoken yet: {member.member_id}."
    return ""


def _claimed(sight: Sight) -> str:
    return f"{sight.claimed_by} is about to sit down in it." if sight.claimed_by else ""


def _too_far_behind(sight: Sight) -> str:
    if sight.policy.behind == "wait" and _behind(sight):
        return f"Its tables {_behind(sight)}, and the setting is to wait until they are warm."
    return ""


def _behind(sight: Sight) -> str:
    if sight.lag is None:
        return "are of unknown age"
    return f"are {sight.lag} records behind" if sight.lag > sight.policy.max_lag else ""


# --- why it is taken --------------------------------------------------------------------------------------------------


def _found_dead(owner: Entry, silence: float) -> str:
    return f"{owner.client_id} ({owner.state}) has been silent for {silence:.1f} s."


def _warning(sight: Sight) -> str:
    return f" Warning: its tables {behind}; they are read to their end first." if (behind := _behind(sight)) else ""
