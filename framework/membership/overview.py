"""A group for the eye: what coordinator, roster and offsets say of it, put together by seat; pure, asks nobody."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from framework.membership.group import Group, Member
from framework.membership.offsets import Lag, Partition
from framework.membership.roster import Wanted
from framework.membership.roster_view import RosterView, Seen
from framework.membership.scaling import ranked, unowned
from framework.membership.verdict import Holder, holder_of
from framework.states import SeatState


@dataclass(frozen=True, slots=True)
class SeatLine:
    """One seat, or one member without a seat.

    Attributes:
        group_instance_id: the seat; None for a dynamic member.
        holder: who sits in it, as far as that is known.
        member: the member in it; None for a seat that only the roster knows.
        state: what its process says of itself; None where nothing does.
        is_live: whether that process has to be taken for a live one; None where nothing says it.
        age: seconds since it said so.
        reason: why it stops.
        generation_id: which generation it joined last; -1 where nothing says it.
        assignment: `{topic: partitions}`: the coordinator's word, or the roster's while the group rebalances.
        lag: records that its partitions are behind; None where nothing was committed in any of them.
    """

    group_instance_id: str | None
    holder: Holder
    member: Member | None
    state: SeatState | None = None
    is_live: bool | None = None
    age: float | None = None
    reason: str = ""
    generation_id: int = -1
    assignment: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    lag: int | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """A group at one moment.

    Attributes:
        group: as the coordinator describes it.
        seats: the seats by rank, then the members without one.
        wanted: what `framework scale` wrote last.
        unowned: partitions of subscribed topics that nobody has; empty while the group rebalances.
        lag: records that the group is behind; None where nothing was ever committed.
        roster_problem: why there is nothing from the roster; empty where there is.
    """

    group: Group
    seats: tuple[SeatLine, ...]
    wanted: Wanted | None = None
    unowned: tuple[Partition, ...] = ()
    lag: int | None = None
    roster_problem: str = ""

    @property
    def generation_id(self) -> int:
        """The newest generation that a worker has joined; -1 where no worker says it."""
        return max((line.generation_id for line in self.seats), default=-1)


def overview(
    group: Group, roster: RosterView | None, lags: Mapping[Partition, Lag], now: float, roster_problem: str = ""
) -> Overview:
    """Put a group together.

    Args:
        group: as the coordinator describes it.
        roster: what the workers say; None if it cannot be read.
        lags: of every partition of the subscribed topics.
        now: monotonic seconds, as in the roster.
        roster_problem: why it cannot be read.
    """
    view = roster if roster is not None else RosterView()
    entries = {seat: seen.entry for seat, seen in view.seats().items()}
    # A seat that was given up is no seat any more; one that is merely empty is worth knowing of.
    named = {seat for seat, entry in entries.items() if entry.state is not SeatState.LEFT} | group.seats
    lines = [_line(seat, group.in_seat(seat), view, lags, now) for seat in ranked(named, entries)]
    dynamic = [_dynamic(member, lags) for member in group.members if member.group_instance_id is None]
    counts: dict[str, int] = {}
    for topic, _ in lags:
        counts[topic] = counts.get(topic, 0) + 1
    return Overview(
        group=group,
        seats=(*lines, *dynamic),
        wanted=view.wanted,
        unowned=tuple(sorted(unowned(group, counts))) if group.is_stable else (),
        lag=_sum(lags.values()),
        roster_problem=roster_problem,
    )


def speaker(seat: str, member: Member | None, view: RosterView, now: float) -> Seen | None:
    """The entry of whoever sits in a seat.

    A member that comes back in its seat is described with the client id and the host of the process that sat down in it
    first (Apache Kafka, ClassicGroup.replaceStaticMember). Only the member id is new, so that decides.
    """
    mine = view.member(seat, member.member_id) if member is not None else None
    return mine or view.live(seat, now) or view.seats().get(seat)


def holder_in(seat: str, group: Group, view: RosterView, now: float) -> Holder:
    """Who sits in a seat, as far as group and roster tell."""
    member = group.in_seat(seat)
    return holder_of(member, speaker(seat, member, view, now))


def _line(seat: str, member: Member | None, view: RosterView, lags: Mapping[Partition, Lag], now: float) -> SeatLine:
    seen = speaker(seat, member, view, now)
    assignment = member.assignment if member is not None else {}
    if seen is None:
        return SeatLine(seat, holder_of(member, None), member, assignment=assignment, lag=_lag_of(assignment, lags))
    entry = seen.entry
    assignment = assignment or (entry.assignment if member is not None else {})
    return SeatLine(
        group_instance_id=seat,
        holder=holder_of(member, seen),
        member=member,
        state=entry.state,
        is_live=seen.is_alive(now),
        age=seen.age(now),
        reason=entry.reason,
        generation_id=entry.generation_id,
        assignment=assignment,
        lag=_lag_of(assignment, lags),
    )


def _dynamic(member: Member, lags: Mapping[Partition, Lag]) -> SeatLine:
    return SeatLine(
        None, holder_of(member, None), member, assignment=member.assignment, lag=_lag_of(member.assignment, lags)
    )


def _lag_of(assignment: Mapping[str, tuple[int, ...]], lags: Mapping[Partition, Lag]) -> int | None:
    unknown = Lag(None, None)
    return _sum(
        lags.get(Partition(topic, number), unknown) for topic, numbers in assignment.items() for number in numbers
    )


def _sum(lags: Iterable[Lag]) -> int | None:
    known = [found.lag for found in lags if found.lag is not None]
    return sum(known) if known else None
