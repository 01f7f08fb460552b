"""Which seats of a group a live, warm shadow protects, and why others are not; pure, asks nobody."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from framework.identity import Incarnation
from framework.membership.group import Group
from framework.membership.liveness import watch_for
from framework.membership.overview import speaker
from framework.membership.roster import Entry, Shadowing
from framework.membership.roster_view import RosterView, Seen
from framework.membership.scaling import ranked
from framework.states import GONE, SeatState, ShadowState, StopReason

_CHANGING = frozenset({StopReason.HANDOVER.value, StopReason.DRILL.value})
"""Reasons of owners after which somebody else sits down. Who dies in a drill says so without changing its state."""

_HOPELESS = frozenset({ShadowState.DIFFERENT, ShadowState.NO_SEAT})
"""States that no waiting mends."""

_SAID: Mapping[ShadowState, str] = {
    ShadowState.STARTING: "is starting",
    ShadowState.NO_PRIMARY: "has not seen a primary yet",
    ShadowState.NO_SEAT: "has no seat to shadow",
    ShadowState.DIFFERENT: "has other tables than the primary group",
    ShadowState.DEAF: "cannot use the roster just now",
    ShadowState.WARMING: "is warming",
}


@dataclass(frozen=True, slots=True)
class ShadowLine:
    """A worker of the standby group as one seat's shadow.

    Attributes:
        standby_id: its instance id in the standby group.
        seen: what it said last.
        shadowing: the part of that which is about its seats.
        lag: changelog records of this seat that it is behind; None where it does not know yet.
        why_not: a clause that says why it does not protect the seat; empty if it does.
        may_come: whether it does not, but may do so soon.
    """

    standby_id: str
    seen: Seen
    shadowing: Shadowing
    lag: int | None
    why_not: str
    may_come: bool


@dataclass(frozen=True, slots=True)
class SeatLine:
    """One seat.

    Attributes:
        seat: its instance id.
        owner: what the process in it said last; None where nobody in it ever spoke.
        age: seconds since it said so; None likewise.
        is_live: whether somebody has it who is not silent.
        shadows: who shadows it, by instance id; those that are gone left out.
        why_not: a clause that says why it is not protected; empty if it is.
    """

    seat: str
    owner: Seen | None
    age: float | None
    is_live: bool
    shadows: tuple[ShadowLine, ...]
    why_not: str

    @property
    def is_protected(self) -> bool:
        """Whether somebody would take the seat over in time if its owner died now."""
        return not self.why_not

    @property
    def ready(self) -> tuple[ShadowLine, ...]:
        """Those of its shadows that could sit down now, the least behind first."""
        found = (shadow for shadow in self.shadows if not shadow.why_not)
        return tuple(sorted(found, key=lambda shadow: (shadow.lag or 0, shadow.standby_id)))


@dataclass(frozen=True, slots=True)
class StandbyLine:
    """One worker of the standby group.

    Attributes:
        standby_id: its instance id there.
        seen: what it said last in that role.
        age: seconds since it said so.
        is_silent: whether that is too long ago.
        is_in_group: whether it is a member of the standby group; None where that cannot be looked at.
        sits_in: the seat of the primary group that it has taken; empty where it has none.
    """

    standby_id: str
    seen: Seen
    age: float
    is_silent: bool
    is_in_group: bool | None
    sits_in: str


@dataclass(frozen=True, slots=True)
class Protection:
    """A group and its standby group at one moment.

    Attributes:
        group: the primary group as its coordinator describes it.
        standby_group_id: the standby group's id.
        seats: by rank; seats that were given up left out.
        standbys: by rank; those that left their group left out.
        problem: why nobody can tell who lives, as sentences; empty where one can.
    """

    group: Group
    standby_group_id: str
    seats: tuple[SeatLine, ...]
    standbys: tuple[StandbyLine, ...]
    problem: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether there are seats, and every one is protected."""
        return bool(self.seats) and all(line.is_protected for line in self.seats)

    def line(self, seat: str) -> SeatLine | None:
        """The line of a seat; None where the group has no such seat."""
        return next((line for line in self.seats if line.seat == seat), None)


def protection(
    view: RosterView, group: Group, standby_group_id: str, standby_group: Group | None, now: float, doubt: str = ""
) -> Protection:
    """Put together who protects whom.

    Args:
        view: what the workers of both groups say.
        group: the primary group.
        standby_group_id: the standby group's id.
        standby_group: the same as described; None if it cannot be looked at.
        now: monotonic seconds, as in the view.
        doubt: why silence in the view proves nothing; empty where it does.
    """
    seats = {seat: seen.entry for seat, seen in view.seats().items() if seen.entry.state is not SeatState.LEFT}
    names = ranked(seats.keys() | group.seats, seats)
    owners = {seat: speaker(seat, group.in_seat(seat), view, now) for seat in names}
    sitting = {seen.entry.incarnation: seat for seat, seen in owners.items() if seen and seen.is_alive(now)}
    standbys = {name: seen for name, seen in view.standbys().items() if seen.entry.state is not SeatState.LEFT}
    entries = {name: seen.entry for name, seen in standbys.items()}
    return Protection(
        group=group,
        standby_group_id=standby_group_id,
        seats=tuple(
            _seat(seat, owners[seat], _shadows(seat, standbys, sitting, now), group, now, doubt) for seat in names
        ),
        standbys=tuple(
            StandbyLine(
                name,
                standbys[name],
                standbys[name].age(now),
                is_silent(standbys[name], now),
                name in standby_group.seats if standby_group is not None else None,
                sitting.get(entries[name].incarnation, ""),
            )
            for name in ranked(standbys, entries)
        ),
        problem=doubt,
    )


def is_silent(seen: Seen, now: float) -> bool:
    """Whether a process that has not said that it is gone should have said something by now."""
    return seen.entry.state not in GONE and seen.age(now) >= watch_for(seen.entry)


def _shadows(
    seat: str, standbys: Mapping[str, Seen], sitting: Mapping[Incarnation, str], now: float
) -> tuple[ShadowLine, ...]:
    return tuple(
        _shadow(seat, name, seen, shadowing, sitting, now)
        for name, seen in sorted(standbys.items())
        if (shadowing := seen.entry.shadowing) is not None
        and seat in shadowing.lags
        and seen.entry.state is not SeatState.STOPPED
    )


def _shadow(
    seat: str, name: str, seen: Seen, shadowing: Shadowing, sitting: Mapping[Incarnation, str], now: float
) -> ShadowLine:
    lag = shadowing.lags[seat]
    taken = sitting.get(seen.entry.incarnation)
    if taken is not None:
        where = "the seat itself" if taken == seat else f"seat {taken}"
        return ShadowLine(name, seen, shadowing, lag, f"{name} sits in {where} now", may_come=False)
    if is_silent(seen, now):
        return ShadowLine(name, seen, shadowing, lag, f"{name} is silent", may_come=False)
    if seen.entry.state is SeatState.STOPPING:
        return ShadowLine(name, seen, shadowing, lag, f"{name} is stopping", may_come=False)
    why_not = _why_not_warm(name, shadowing, lag)
    return ShadowLine(name, seen, shadowing, lag, why_not, bool(why_not) and shadowing.state not in _HOPELESS)


def _why_not_warm(name: str, shadowing: Shadowing, lag: int | None) -> str:
    if shadowing.state is ShadowState.WARM:
        return "" if lag is not None else f"{name} does not know yet how far behind it is"
    behind = f", {lag:,} behind" if shadowing.state is ShadowState.WARMING and lag is not None else ""
    return f"{name} {_SAID[shadowing.state]}{behind}"


def _seat(
    seat: str, owner: Seen | None, shadows: tuple[ShadowLine, ...], group: Group, now: float, doubt: str
) -> SeatLine:
    absent = _why_absent(owner, shadows, now)
    why_not = "nobody can tell who lives" if doubt else absent
    if not why_not and seat not in group.seats:
        # The session of its owner has ended, its partitions are elsewhere: nobody takes such a seat over.
        why_not = "its owner is not in the group"
    if not why_not and owner is not None:
        why_not = _why_bare(owner.entry, shadows)
    return SeatLine(seat, owner, owner.age(now) if owner is not None else None, not absent, shadows, why_not)


def _why_absent(owner: Seen | None, shadows: Iterable[ShadowLine], now: float) -> str:
    if owner is None:
        return "its owner is not in the roster"
    if owner.entry.state in GONE:
        return "nobody sits in it"
    return "its owner is silent" if owner.age(now) >= _patience(owner.entry, shadows) else ""


def _patience(owner: Entry, shadows: Iterable[ShadowLine]) -> float:
    """Seconds of silence after which the owner is given up: as its shadows have it, where it agreed to that."""
    if not owner.lease:
        return owner.stale_after
    shortest = min((shadow.shadowing.failover_after for shadow in shadows), default=owner.lease)
    return max(shortest, 2.5 * owner.interval)


def _why_bare(owner: Entry, shadows: tuple[ShadowLine, ...]) -> str:
    if owner.reason in _CHANGING:
        return "it is changing hands"
    if not shadows:
        return "no shadow"
    if all(shadow.why_not for shadow in shadows):
        return "; ".join(shadow.why_not for shadow in shadows)
    return "" if owner.lease > 0 else "its owner has not heard of its shadow yet"
