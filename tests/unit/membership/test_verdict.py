"""Whose seat it is, for each thing that coordinator and roster may say; no clock, no broker."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.identity import Incarnation
from framework.membership.group import Group, Member
from framework.membership.roster import Entry, GaveUp
from framework.membership.roster_records import encode, encode_gave_up, gave_up_key
from framework.membership.roster_view import GAVE_UP_LASTS, RosterView
from framework.membership.verdict import GHOSTS, Claim, Verdict, judge
from framework.states import SeatState

SEAT = "w-0"
NOW = 1000.0
ME = Incarnation("here", 10, 5_000, "aa")
CLAIM = Claim(SEAT, ME, "shop")


def client_id(of: Incarnation) -> str:
    return f"{SEAT}@{of.host}#{of.start_ms}-{of.suffix}"


def member(member_id: str, first: Incarnation) -> Member:
    """A member as it is described: the client id is that of whoever sat down first."""
    return Member(member_id, SEAT, client_id(first), "/10.0.0.9")


def group(*members: Member) -> Group:
    return Group("shop", "Stable" if members else "Empty", members)


def entry(of: Incarnation, member_id: str = "", state: SeatState = SeatState.RUNNING, service: str = "shop") -> Entry:
    return Entry(SEAT, client_id(of), of, state, 0, service, member_id=member_id)


def roster(*entries: tuple[Entry, float]) -> RosterView:
    """A view of these entries, each with its age in seconds."""
    view = RosterView()
    for found, age in entries:
        view.apply(SEAT.encode(), encode(found), NOW - age, 0)
    return view


OLDER_HERE = Incarnation("here", 9, 4_000, "0a")
NEWER_HERE = Incarnation("here", 11, 6_000, "0b")
OLDER_THERE = Incarnation("there", 9, 4_000, "0c")
NEWER_THERE = Incarnation("there", 9, 6_000, "0d")
FENCED = replace(CLAIM, lineage=frozenset({client_id(ME)}), members=frozenset({"m-me"}), fenced=ME, fences=1)
RESTARTED = replace(CLAIM, lineage=frozenset({client_id(ME)}), members=frozenset({"m-me"}))


def verdict(claim: Claim, described: Group, view: RosterView | None) -> Verdict:
    return judge(claim, described, view, NOW).verdict


class TestFirstStart:
    @pytest.mark.parametrize("view", [None, roster()], ids=["no roster", "empty roster"])
    def test_nobody_is_there(self, view: RosterView | None) -> None:
        assert verdict(CLAIM, group(), view) is Verdict.FREE

    @pytest.mark.parametrize("holder", [OLDER_HERE, NEWER_HERE])
    def test_seat_is_taken_at_once_from_the_same_host_and_service(self, holder: Incarnation) -> None:
        assert verdict(CLAIM, group(member("m-1", holder)), roster((entry(holder, "m-1"), 0.5))) is Verdict.SELF

    def test_another_service_of_the_same_host_is_somebody_else(self) -> None:
        view = roster((entry(OLDER_HERE, "m-1", service="other"), 0.5))
        assert verdict(CLAIM, group(member("m-1", OLDER_HERE)), view) is Verdict.HELD

    @pytest.mark.parametrize("state", [SeatState.STARTING, SeatState.RUNNING, SeatState.STOPPING])
    def test_live_process_of_another_host_is_waited_for(self, state: SeatState) -> None:
        view = roster((entry(OLDER_THERE, "m-1", state), 0.5))
        assert verdict(CLAIM, group(member("m-1", OLDER_THERE)), view) is Verdict.HELD

    def test_process_that_is_about_to_join_is_waited_for(self) -> None:
        assert verdict(CLAIM, group(), roster((entry(OLDER_THERE, state=SeatState.STARTING), 0.1))) is Verdict.HELD

    @pytest.mark.parametrize("state", [SeatState.STOPPED, SeatState.LEFT])
    def test_process_that_has_gone_leaves_a_free_seat_although_its_session_lasts(self, state: SeatState) -> None:
        view = roster((entry(OLDER_THERE, "m-1", state), 0.5))
        assert verdict(CLAIM, group(member("m-1", OLDER_THERE)), view) is Verdict.FREE

    def test_process_that_is_silent_for_long_is_dead(self) -> None:
        view = roster((entry(OLDER_THERE, "m-1"), 10.5))
        assert verdict(CLAIM, group(member("m-1", OLDER_THERE)), view) is Verdict.FREE

    def test_without_a_roster_a_described_member_of_another_host_is_alive(self) -> None:
        assert verdict(CLAIM, group(member("m-1", OLDER_THERE)), None) is Verdict.HELD

    def test_without_a_roster_the_same_host_is_told_by_the_client_id(self) -> None:
        assert verdict(CLAIM, group(member("m-1", OLDER_HERE)), None) is Verdict.SELF

    def test_client_of_another_kind_is_waited_for(self) -> None:
        stranger = Member("m-1", SEAT, "rdkafka", "/10.0.0.9")
        judgement = judge(CLAIM, group(stranger), roster(), NOW)
        assert judgement.verdict is Verdict.HELD
        assert judgement.holder is not None
        assert (judgement.holder.client_id, judgement.holder.host) == ("rdkafka", "10.0.0.9")

    def test_member_in_another_seat_does_not_matter(self) -> None:
        other = replace(member("m-1", OLDER_THERE), group_instance_id="w-1")
        assert verdict(CLAIM, group(other), roster()) is Verdict.FREE

    def test_machines_of_one_name_are_told_apart_by_their_boot(self) -> None:
        view = roster((replace(entry(OLDER_HERE, "m-1"), boot_id="b1"), 0.5))
        described = group(member("m-1", OLDER_HERE))
        assert verdict(replace(CLAIM, boot_id="b2"), described, view) is Verdict.HELD
        assert verdict(replace(CLAIM, boot_id="b1"), described, view) is Verdict.SELF
        assert verdict(CLAIM, described, view) is Verdict.SELF

    def test_who_sat_down_first_does_not_matter_if_the_roster_says_who_sits_there_now(self) -> None:
        """The coordinator shows our host, from where the seat was taken first; the holder lives elsewhere."""
        view = roster((entry(OLDER_HERE, "m-0", SeatState.STOPPED), 60.0), (entry(NEWER_THERE, "m-1"), 0.5))
        assert verdict(CLAIM, group(member("m-1", OLDER_HERE)), view) is Verdict.HELD

    @pytest.mark.parametrize(("ago", "expected"), [(5.0, Verdict.HELD), (GAVE_UP_LASTS + 1, Verdict.SELF)])
    def test_supervisor_that_gave_up_and_was_started_again_does_not_take_the_seat(
        self, ago: float, expected: Verdict
    ) -> None:
        view = roster((entry(NEWER_HERE, "m-1"), 0.5))
        word = GaveUp(SEAT, ME.host, client_id(NEWER_HERE))
        view.apply(gave_up_key(SEAT), encode_gave_up(word), NOW - ago, 0)
        assert verdict(CLAIM, group(member("m-1", ME)), view) is expected

    def test_giving_up_on_somebody_else_does_not_matter(self) -> None:
        view = roster((entry(NEWER_HERE, "m-1"), 0.5))
        for word in (GaveUp(SEAT, ME.host, client_id(OLDER_HERE)), GaveUp(SEAT, "there", client_id(NEWER_HERE))):
            view.apply(gave_up_key(SEAT), encode_gave_up(word), NOW - 5.0, 0)
            assert verdict(CLAIM, group(member("m-1", ME)), view) is Verdict.SELF


class TestRestart:
    """A supervisor starts its worker again."""

    def test_seat_of_the_process_before_is_ours(self) -> None:
        assert verdict(RESTARTED, group(member("m-me", OLDER_THERE)), roster((entry(ME, "m-me"), 0.3))) is Verdict.SELF

    def test_it_needs_no_roster_for_that(self) -> None:
        assert verdict(RESTARTED, group(member("m-me", OLDER_THERE)), None) is Verdict.SELF

    @pytest.mark.parametrize("holder", [OLDER_HERE, NEWER_HERE, OLDER_THERE, NEWER_THERE])
    def test_who_sat_down_meanwhile_is_waited_for_also_on_this_host(self, holder: Incarnation) -> None:
        view = roster((entry(ME, "m-me"), 1.0), (entry(holder, "m-1"), 0.2))
        assert verdict(RESTARTED, group(member("m-1", ME)), view) is Verdict.HELD

    def test_process_before_that_has_not_joined_is_ours_too(self) -> None:
        view = roster((entry(ME, state=SeatState.STARTING), 0.3))
        assert verdict(RESTARTED, group(), view) is Verdict.FREE

    def test_process_that_was_fenced_earlier_does_not_keep_its_successor_out(self) -> None:
        """It could not say that it has gone, so its entry is fresh; but the member is ours."""
        view = roster((entry(OLDER_HERE, "m-old"), 2.0), (entry(ME, "m-me"), 0.3))
        assert verdict(RESTARTED, group(member("m-me", OLDER_HERE)), view) is Verdict.SELF

    @pytest.mark.parametrize("view", [None, roster((entry(ME, "m-me"), 3.0))], ids=["no roster", "silent roster"])
    def test_member_that_nobody_knows_is_somebody_else(self, view: RosterView | None) -> None:
        """Although the coordinator shows the client id of ours, which was there first."""
        assert verdict(RESTARTED, group(member("m-1", ME)), view) is Verdict.HELD

    @pytest.mark.parametrize("view", [None, roster((entry(ME), 3.0))], ids=["no roster", "silent roster"])
    def test_unless_the_process_before_died_with_a_join_unanswered(self, view: RosterView | None) -> None:
        died = replace(RESTARTED, has_unanswered_join=True)
        assert verdict(died, group(member("m-1", OLDER_HERE)), view) is Verdict.SELF

    def test_an_unanswered_join_is_no_right_to_the_seat_of_the_living(self) -> None:
        died = replace(RESTARTED, has_unanswered_join=True)
        view = roster((entry(NEWER_THERE, "m-1"), 0.5))
        assert verdict(died, group(member("m-1", ME)), view) is Verdict.HELD


class TestFenced:
    """The process before was fenced."""

    @pytest.mark.parametrize("holder", [NEWER_HERE, NEWER_THERE])
    def test_newer_holder_has_superseded_it(self, holder: Incarnation) -> None:
        view = roster((entry(ME, "m-me"), 1.0), (entry(holder, "m-1"), 0.2))
        judgement = judge(FENCED, group(member("m-1", ME)), view, NOW)
        assert judgement.verdict is Verdict.SUPERSEDED
        assert judgement.holder is not None
        assert (judgement.holder.host, judgement.holder.pid) == (holder.host, holder.pid)
        assert judgement.holder.client_id == client_id(holder)

    @pytest.mark.parametrize("holder", [OLDER_HERE, OLDER_THERE])
    def test_it_takes_the_seat_from_no_older_one_either(self, holder: Incarnation) -> None:
        view = roster((entry(ME, "m-me"), 1.0), (entry(holder, "m-1"), 0.2))
        assert verdict(FENCED, group(member("m-1", ME)), view) is Verdict.HELD

    def test_member_that_nobody_speaks_for_is_our_own_ghost(self) -> None:
        view = roster((entry(ME, "m-me"), 1.0))
        assert verdict(FENCED, group(member("m-ghost", ME)), view) is Verdict.SELF

    def test_ghosts_are_believed_in_a_few_times_only(self) -> None:
        view = roster((entry(ME, "m-me"), 1.0))
        haunted = replace(FENCED, fences=GHOSTS + 1)
        assert not verdict(haunted, group(member("m-ghost", ME)), view).may_join

    def test_who_has_waited_believes_in_no_ghosts(self) -> None:
        waiting = replace(FENCED, is_first_look=False)
        assert not verdict(waiting, group(member("m-ghost", ME)), roster((entry(ME, "m-me"), 1.0))).may_join

    def test_without_a_roster_nobody_is_taken_for_a_ghost(self) -> None:
        assert not verdict(FENCED, group(member("m-ghost", ME)), None).may_join

    def test_seat_is_free_when_the_holder_has_died(self) -> None:
        view = roster((entry(NEWER_THERE, "m-1"), 11.0))
        assert verdict(FENCED, group(member("m-1", ME)), view) is Verdict.FREE
        assert verdict(FENCED, group(), view) is Verdict.FREE
        assert verdict(FENCED, group(), None) is Verdict.FREE


INCARNATIONS = st.builds(
    Incarnation,
    st.sampled_from(["here", "there"]),
    st.integers(1, 9),
    st.integers(1_000, 9_000),
    st.sampled_from(["0a", "0b"]),
)
ENTRIES = st.lists(
    st.tuples(
        st.builds(
            entry,
            INCARNATIONS,
            st.sampled_from(["", "m-1", "m-2"]),
            st.sampled_from(SeatState),
            st.sampled_from(["shop", "other"]),
        ),
        st.floats(0.0, 20.0),
    ),
    max_size=4,
)
GROUPS = st.one_of(
    st.just(group()), st.builds(lambda m, i: group(member(m, i)), st.sampled_from(["m-1", "m-2"]), INCARNATIONS)
)


@given(GROUPS, ENTRIES)
def test_who_was_fenced_never_takes_a_seat_from_the_living(
    described: Group, entries: list[tuple[Entry, float]]
) -> None:
    view = roster(*entries)
    alive = view.all_live(SEAT, NOW)
    if alive and FENCED.lineage.isdisjoint(seen.entry.client_id for seen in alive):
        assert not verdict(FENCED, described, view).may_join


@given(GROUPS, ENTRIES)
def test_a_seat_is_never_taken_from_another_host_that_lives(
    described: Group, entries: list[tuple[Entry, float]]
) -> None:
    view = roster(*entries)
    holder = described.in_seat(SEAT)
    seen = view.member(SEAT, holder.member_id) if holder is not None else None
    if seen is not None and seen.is_alive(NOW) and seen.entry.incarnation.host == "there":
        assert not verdict(CLAIM, described, view).may_join


@given(GROUPS, st.one_of(st.none(), ENTRIES), st.sampled_from([CLAIM, RESTARTED, FENCED]))
def test_whoever_has_to_wait_is_told_for_whom(
    described: Group, entries: list[tuple[Entry, float]] | None, claim: Claim
) -> None:
    judgement = judge(claim, described, None if entries is None else roster(*entries), NOW)
    assert judgement.verdict.may_join or (judgement.holder is not None and judgement.holder.client_id)
