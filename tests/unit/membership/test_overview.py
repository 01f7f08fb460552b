"""Group, roster and offsets put together by seat."""

from framework.membership.group import Group, Member
from framework.membership.offsets import Lag, Partition
from framework.membership.overview import holder_in, overview, speaker
from framework.membership.roster_view import RosterView
from framework.states import SeatState
from tests.unit.membership.fake_roster import FakeRoster, entry_of

TOPICS = frozenset({"t"})
LAGS = {Partition("t", 0): Lag(5, 9), Partition("t", 1): Lag(None, 9), Partition("t", 2): Lag(1, 2)}


def member(seat: str | None, *partitions: int, member_id: str = "", client_id: str = "") -> Member:
    name = seat or "guest"
    return Member(
        member_id or f"{name}-1", seat, client_id or name, "/10.0.0.1", {"t": partitions} if partitions else {}, TOPICS
    )


def test_seats_by_rank_then_the_others() -> None:
    roster = FakeRoster()
    roster.write(entry_of("w-10", member_id="w-10-1", generation_id=4))
    roster.write(entry_of("w-9", member_id="w-9-1", generation_id=4, state=SeatState.STOPPING, reason="restart"))
    roster.now += 2.5
    group = Group("g", "Stable", (member(None, 2), member("w-10", 1), member("w-9", 0)))
    found = overview(group, roster.view, LAGS, roster.now)
    nine, ten, guest = found.seats
    assert (nine.group_instance_id, ten.group_instance_id, guest.group_instance_id) == ("w-9", "w-10", None)
    assert (nine.state, nine.reason, nine.age, nine.is_live) == (SeatState.STOPPING, "restart", 2.5, True)
    assert (nine.holder.host, nine.holder.pid) == ("box", 4711)
    assert (nine.lag, ten.lag, guest.lag, found.lag) == (4, None, 1, 5)
    assert (guest.state, guest.holder.host) == (None, "10.0.0.1")
    assert (found.generation_id, found.unowned) == (4, ())


def test_partitions_of_a_rebalancing_group_are_those_of_the_roster() -> None:
    roster = FakeRoster()
    roster.write(entry_of("w-0", assignment={"t": (0, 2)}))
    found = overview(Group("g", "PreparingRebalance", (member("w-0"),)), roster.view, LAGS, roster.now)
    assert found.seats[0].assignment == {"t": (0, 2)}
    assert found.unowned == ()


def test_partitions_that_nobody_has() -> None:
    found = overview(Group("g", "Stable", (member("w-0", 0),)), None, LAGS, 0.0, "no roster")
    assert found.unowned == (("t", 1), ("t", 2))
    assert (found.roster_problem, found.seats[0].is_live, found.generation_id) == ("no roster", None, -1)


def test_seat_that_only_the_roster_knows_is_shown_unless_it_was_given_up() -> None:
    roster = FakeRoster()
    roster.write(entry_of("w-0"))
    roster.write(entry_of("w-1", state=SeatState.LEFT))
    roster.now += 60.0
    found = overview(Group("g", "Empty"), roster.view, {}, roster.now)
    (line,) = found.seats
    assert (line.group_instance_id, line.member, line.is_live, line.assignment) == ("w-0", None, False, {})


def test_member_id_decides_who_speaks_for_a_seat() -> None:
    """The coordinator goes on naming the client id of the first process that sat down."""
    first, second = "w-0@old#1700000000000-0000000a", "w-0@new#1700000000001-0000000b"
    roster = FakeRoster()
    roster.write(entry_of("w-0", client_id=second, member_id="w-0-2"))
    roster.write(entry_of("w-0", client_id=first, member_id="w-0-1", state=SeatState.STOPPED))
    seated = member("w-0", member_id="w-0-2", client_id=first)
    seen = speaker("w-0", seated, roster.view, roster.now)
    assert seen is not None
    assert seen.entry.client_id == second


def test_holder_of_a_silent_member_is_what_the_coordinator_says() -> None:
    group = Group("g", "Stable", (member("w-0", client_id="w-0@far#1700000000000-0000000a"),))
    holder = holder_in("w-0", group, RosterView(), 0.0)
    assert (holder.host, holder.pid) == ("far", None)
    assert holder_in("w-1", group, RosterView(), 0.0).host is None
