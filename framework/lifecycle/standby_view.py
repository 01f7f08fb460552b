"""What a standby shadows and how well, from what it sees; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from framework.identity import is_home_shadow
from framework.membership.group import Group
from framework.membership.roster import SITS_IN
from framework.membership.roster_view import RosterView, Seen
from framework.membership.scaling import ranked
from framework.standby.duty import duty
from framework.states import SeatState, ShadowState

ORDER_LASTS = 30.0
"""Seconds for which a standby goes on shadowing a seat that was to be handed over to it."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known when it is told how well seats are shadowed.

    Attributes:
        group_id: the primary group.
        is_heard: whether the roster reaches this process just now.
        was_heard: whether it ever has.
        primary: the primary group as described last; None: not yet.
        has_entries: whether any worker of it has ever spoken in the roster.
        doubt: why the roster cannot be read; empty where it can, or where that is not known.
        differences: in what this code's tables differ from those of the primary group; empty: in nothing.
        lags: `{seat: changelog records behind}`; None where that is not known yet.
        max_lag: how many still count as warm.
    """

    group_id: str
    is_heard: bool
    was_heard: bool
    primary: Group | None
    has_entries: bool
    doubt: str = ""
    differences: str = ""
    lags: Mapping[str, int | None] = field(default_factory=dict)
    max_lag: int = 0


def assess(facts: Facts) -> tuple[ShadowState, str]:
    """The state, and what is wrong as a sentence; the gravest comes first."""
    if facts.primary is None or not facts.was_heard:
        return ShadowState.STARTING, facts.doubt
    if not facts.is_heard:
        why = facts.doubt or "Its own entries in the roster do not come back in time."
        return ShadowState.DEAF, f"The roster cannot be relied upon just now, so no seat is taken over. {why}"
    if not facts.has_entries and not facts.primary.members:
        return ShadowState.NO_PRIMARY, (
            f"No worker of group {facts.group_id!r} has ever been seen. Start the primary workers, with the same app"
            " and the same brokers."
        )
    if facts.differences:
        return ShadowState.DIFFERENT, (
            "The tables here cannot be those of the primary workers, so no seat is taken over:"
            f" {facts.differences.rstrip('.')}. Run the same version of the app on both sides."
        )
    if not facts.lags:
        return ShadowState.NO_SEAT, (
            "There is no seat for this standby to shadow: there are at least as many standbys as seats, or"
            " FRAMEWORK_SHADOWS names none that exists. It stands by for seats that come."
        )
    return _warmth(facts)


def _warmth(facts: Facts) -> tuple[ShadowState, str]:
    unknown = sorted(seat for seat, lag in facts.lags.items() if lag is None)
    if unknown:
        return ShadowState.WARMING, f"It is not known yet how far the tables of {', '.join(unknown)} are behind."
    behind = {seat: lag for seat, lag in sorted(facts.lags.items()) if lag is not None and lag > facts.max_lag}
    if behind:
        told = ", ".join(f"{seat} by {lag}" for seat, lag in behind.items())
        return ShadowState.WARMING, f"Tables are behind by more than FRAMEWORK_STANDBY_MAX_LAG records: {told}."
    return ShadowState.WARM, ""


@dataclass(frozen=True, slots=True)
class Place:
    """A standby's place among those that share the seats.

    Attributes:
        own_id: its instance id in the standby group.
        client_id: of its process.
        home: its own seat, which another one has; it shadows that alone. None for a worker of the standby group.
        named: the seats that a setting names; None: it does not.
    """

    own_id: str
    client_id: str
    home: str | None = None
    named: tuple[str, ...] | None = None


def seats_to_shadow(place: Place, primary: Group, roster: RosterView, now: float) -> tuple[str, ...]:
    """The seats that one standby shadows.

    Args:
        place: whose.
        primary: the primary group. While it has no members, the seats are those of the roster.
        roster: what the workers say.
        now: monotonic seconds, as in the roster.
    """
    if place.home is not None:
        return (place.home,)
    seats = primary.seats or frozenset(
        seat for seat, seen in roster.seats().items() if seen.entry.state is not SeatState.LEFT
    )
    if place.named is not None:
        mine = {seat for seat in seats if seat in place.named}
    else:
        mine = set(duty(place.own_id, _standbys(roster, now), tuple(seats)))
    return tuple(seat for seat in ranked(seats, {}) if seat in mine or _is_ordered(place, roster, seat, now))


def _standbys(roster: RosterView, now: float) -> set[str]:
    """Who shares the seats: live standbys, also one that sits in a seat now.

    Were that one left out, each takeover would have the others drop what they keep warm, and begin anew elsewhere.
    """
    shadows = {standby_id for standby_id, seen in roster.standbys().items() if seen.is_alive(now)}
    seated = {seen.entry.standby_id for seen in roster.seats().values() if seen.is_alive(now)}
    # Its last word as a standby and its first one in the seat are in two partitions, and are read one after the other.
    # Between them the others would change places: when several workers die at once, just before it is their turn.
    moving = {standby_id for standby_id, seen in roster.standbys().items() if _is_moving(seen, now)}
    return {standby_id for standby_id in shadows | seated | moving if standby_id and not is_home_shadow(standby_id)}


def _is_moving(seen: Seen, now: float) -> bool:
    return seen.entry.reason.startswith(SITS_IN) and seen.age(now) < seen.entry.stale_after


def _is_ordered(place: Place, roster: RosterView, seat: str, now: float) -> bool:
    """Whether the seat is just being handed over to this standby, so that it must not let go of it."""
    order, read_at = roster.order_for(seat) or (None, 0.0)
    return order is not None and order.successor == place.client_id and now - read_at < ORDER_LASTS
