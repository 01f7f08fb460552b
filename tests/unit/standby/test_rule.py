"""When a shadow takes a seat: each rule alone, and that no owner who can be heard loses its seat."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.membership.group import Group, Member
from framework.membership.roster import Entry, Restarting
from framework.membership.roster_view import Seen
from framework.standby.rule import GRACE_AFTER_GAP, PER_RANK, RARE, Decision, DecisionKind, Policy, Sight, decide
from framework.states import SeatState
from tests.support.roster import ENTRY

SEAT, MEMBER, OWN = ENTRY.group_instance_id, "w-0-1", "w-standby-0@host#2-0b"
OWNER = replace(ENTRY, state=SeatState.RUNNING, member_id=MEMBER, lease=3.0)
OTHER = Member("w-1-1", "w-1", "w-1@host#1-0a", "/10.0.0.2")
GROUP = Group("g", "Stable", (Member(MEMBER, SEAT, ENTRY.client_id, "/10.0.0.1"), OTHER))
EMPTY = Group("g", "Empty")
AT = 1000.0
"""When the owner's entry was read."""


def see(silent_for: float, entry: Entry = OWNER, **more: Any) -> Decision:
    """What is decided of an owner that was heard last so many seconds ago; all else speaks for a take-over."""
    sight = Sight(
        seat=SEAT,
        now=AT + silent_for,
        own_client_id=OWN,
        owner=Seen(entry, AT, 0),
        heard_since=AT - 100.0,
        group=GROUP,
        lag=0,
    )
    return decide(replace(sight, **more))


def takes(decision: Decision) -> bool:
    return decision.kind is DecisionKind.TAKE


class TestOwner:
    def test_silent_for_its_lease(self) -> None:
        assert not takes(see(2.9))
        dead = see(3.1)
        assert takes(dead)
        assert not dead.is_handover
        assert dead.silent_for == pytest.approx(3.1)
        assert dead.why == f"{ENTRY.client_id} (running) has been silent for 3.1 s."

    def test_why_not_yet(self) -> None:
        assert see(1.0).why == f"{ENTRY.client_id} has been silent for 1.0 s; it counts as dead after 3.0 s."
        assert see(1.0).silent_for == pytest.approx(1.0)

    def test_silent_while_it_starts(self) -> None:
        starting = replace(OWNER, state=SeatState.STARTING)
        assert not takes(see(2.9, starting))
        assert takes(see(3.1, starting))

    def test_lease_that_is_longer_than_the_failover_time(self) -> None:
        assert not takes(see(5.9, replace(OWNER, lease=6.0)))
        assert takes(see(6.1, replace(OWNER, lease=6.0)))

    def test_failover_time_that_is_longer_than_the_lease(self) -> None:
        policy = Policy(failover_after=8.0)
        assert not takes(see(7.9, policy=policy))
        assert takes(see(8.1, policy=policy))

    def test_owner_that_has_not_agreed_to_a_lease(self) -> None:
        entry = replace(OWNER, lease=0.0)
        assert not takes(see(9.9, entry))
        assert takes(see(10.1, entry))

    def test_entries_that_are_rare(self) -> None:
        entry = replace(OWNER, interval=2.0)
        assert not takes(see(RARE * 2.0 - 0.1, entry))
        assert takes(see(RARE * 2.0 + 0.1, entry))

    def test_entries_that_are_just_often_enough(self) -> None:
        assert takes(see(3.1, replace(OWNER, interval=1.5)))

    def test_nobody_was_ever_there(self) -> None:
        decision = see(100.0, owner=None)
        assert not takes(decision)
        assert "No worker has ever been seen in w-0" in decision.why

    def test_seat_that_was_given_up(self) -> None:
        assert not takes(see(100.0, replace(OWNER, state=SeatState.LEFT)))

    def test_this_very_process(self) -> None:
        assert not takes(see(100.0, replace(OWNER, client_id=OWN)))


class TestStopped:
    STOPPED = replace(OWNER, state=SeatState.STOPPED)

    def test_handover_is_taken_at_once(self) -> None:
        decision = see(0.0, replace(self.STOPPED, successor=OWN), rank=3)
        assert takes(decision)
        assert decision.is_handover
        assert decision.why == f"{ENTRY.client_id} hands it over."

    def test_handover_to_somebody_else_counts_as_a_stop(self) -> None:
        entry = replace(self.STOPPED, successor="w-standby-1@host#3-0c")
        assert not takes(see(9.9, entry))
        assert takes(see(10.1, entry))

    def test_handover_is_none_before_it_has_stopped(self) -> None:
        assert not takes(see(0.0, replace(OWNER, state=SeatState.STOPPING, successor=OWN)))

    def test_restart_budget(self) -> None:
        assert not takes(see(9.9, self.STOPPED))
        assert takes(see(10.1, self.STOPPED))

    def test_no_restart_budget(self) -> None:
        assert takes(see(0.0, self.STOPPED, policy=Policy(restart_budget=0.0)))

    def test_restart_budget_counts_from_when_it_can_be_heard(self) -> None:
        assert not takes(see(100.0, self.STOPPED, heard_since=AT + 91.0))
        assert takes(see(100.0, self.STOPPED, heard_since=AT + 89.0))

    def test_one_that_fell_silent_while_it_was_stopping(self) -> None:
        stopping = replace(OWNER, state=SeatState.STOPPING)
        assert not takes(see(9.9, stopping))
        assert takes(see(10.1, stopping))

    def test_one_that_is_stopping_has_its_lease_at_least(self) -> None:
        stopping = replace(OWNER, state=SeatState.STOPPING)
        assert not takes(see(2.9, stopping, policy=Policy(restart_budget=0.0)))


class TestRestarting:
    NEXT = Restarting(SEAT, "w-0@host#5-0e")

    def test_next_process_is_on_its_way(self) -> None:
        assert not takes(see(9.9, restarting=(self.NEXT, AT + 0.5)))
        assert takes(see(10.1, restarting=(self.NEXT, AT + 0.5)))

    def test_word_that_is_older_than_the_owner(self) -> None:
        assert takes(see(3.1, restarting=(self.NEXT, AT - 0.5)))

    def test_one_that_has_come_is_no_longer_on_its_way(self) -> None:
        came = replace(OWNER, client_id=self.NEXT.client_id)
        assert takes(see(3.1, came, restarting=(self.NEXT, AT + 0.5)))

    def test_budget_does_not_shorten_the_lease(self) -> None:
        policy = Policy(restart_budget=1.0)
        assert not takes(see(2.9, restarting=(self.NEXT, AT + 0.5), policy=policy))


class TestHearing:
    def test_deaf(self) -> None:
        decision = see(100.0, heard_since=None)
        assert not takes(decision)
        assert "cannot be heard" in decision.why

    def test_deaf_to_a_handover(self) -> None:
        stopped = replace(OWNER, state=SeatState.STOPPED, successor=OWN)
        assert not takes(see(0.0, stopped, heard_since=None))

    def test_silence_counts_from_when_it_can_be_heard(self) -> None:
        decision = see(100.0, heard_since=AT + 98.0)
        assert not takes(decision)
        assert decision.silent_for == pytest.approx(2.0)

    def test_after_a_gap_everybody_has_time_to_speak(self) -> None:
        heard_since = AT + 50.0
        late = 50.0 + GRACE_AFTER_GAP
        assert not takes(see(late - 0.1, heard_since=heard_since, is_after_gap=True))
        assert takes(see(late + 0.1, heard_since=heard_since, is_after_gap=True))

    def test_long_failover_time_after_a_gap(self) -> None:
        policy = Policy(failover_after=8.0)
        assert not takes(see(57.9, heard_since=AT + 50.0, is_after_gap=True, policy=policy))

    def test_gap_does_not_keep_from_a_handover(self) -> None:
        stopped = replace(OWNER, state=SeatState.STOPPED, successor=OWN)
        assert takes(see(0.0, stopped, heard_since=AT - 0.1, is_after_gap=True))


class TestOthers:
    def test_further_shadows_wait_longer(self) -> None:
        assert not takes(see(3.1, rank=1))
        assert takes(see(3.1 + PER_RANK, rank=1))
        assert not takes(see(3.1 + PER_RANK, rank=2))

    def test_further_shadows_of_one_that_was_stopped(self) -> None:
        assert not takes(see(10.1, replace(OWNER, state=SeatState.STOPPED), rank=1))

    def test_group_that_cannot_be_asked(self) -> None:
        assert not takes(see(100.0, group=None))

    def test_group_that_is_empty(self) -> None:
        assert takes(see(100.0, group=EMPTY))

    def test_session_that_has_ended(self) -> None:
        decision = see(100.0, group=replace(GROUP, members=(OTHER,)))
        assert not takes(decision)
        assert "partitions have moved" in decision.why

    def test_somebody_new_who_has_not_spoken_yet(self) -> None:
        new = replace(GROUP, members=(Member("w-0-2", SEAT, ENTRY.client_id, "/10.0.0.1"), OTHER))
        assert not takes(see(9.9, group=new))
        assert takes(see(10.1, group=new))

    def test_somebody_new_after_a_handover(self) -> None:
        stopped = replace(OWNER, state=SeatState.STOPPED, successor=OWN)
        new = replace(GROUP, members=(Member("w-0-2", SEAT, ENTRY.client_id, "/10.0.0.1"),))
        assert not takes(see(0.0, stopped, group=new))


class TestBehind:
    @pytest.mark.parametrize(("lag", "said"), [(None, "are of unknown age"), (10_001, "are 10001 records behind")])
    def test_policy(self, lag: int | None, said: str) -> None:
        taken = see(3.1, lag=lag)
        assert takes(taken)
        assert f"Warning: its tables {said}" in taken.why
        waiting = see(3.1, lag=lag, policy=Policy(behind="wait"))
        assert not takes(waiting)
        assert said in waiting.why

    def test_just_warm(self) -> None:
        decision = see(3.1, lag=10_000, policy=Policy(behind="wait"))
        assert takes(decision)
        assert "Warning" not in decision.why


ENTRIES = st.builds(
    replace,
    st.just(OWNER),
    state=st.sampled_from([SeatState.STARTING, SeatState.RUNNING, SeatState.STOPPING]),
    lease=st.sampled_from([0.0, 0.5, 3.0, 20.0]),
    interval=st.floats(0.1, 60.0),
    member_id=st.sampled_from([MEMBER, ""]),
)
SIGHTS = st.fixed_dictionaries(
    {
        "heard_since": st.none() | st.floats(AT - 200.0, AT + 200.0),
        "is_after_gap": st.booleans(),
        "group": st.sampled_from([GROUP, EMPTY, None]),
        "lag": st.none() | st.integers(0, 20_000),
        "rank": st.integers(0, 3),
        "restarting": st.none() | st.tuples(st.just(TestRestarting.NEXT), st.floats(AT - 5.0, AT + 5.0)),
        "policy": st.builds(
            Policy,
            failover_after=st.floats(0.5, 60.0),
            restart_budget=st.floats(0.0, 60.0),
            behind=st.sampled_from(["take", "wait"]),
        ),
    }
)


@given(ENTRIES, SIGHTS, st.floats(0.0, 1.0))
def test_owner_that_writes_each_interval_and_is_heard_keeps_its_seat(
    entry: Entry, sight: dict[str, Any], share: float
) -> None:
    """Whatever else is true: in any moment between two of its entries, the second a moment late."""
    assert not takes(see(share * (entry.interval * 1.01), entry, **sight))


@given(ENTRIES, SIGHTS, st.floats(0.0, 200.0))
def test_owner_that_may_still_emit_keeps_its_seat(entry: Entry, sight: dict[str, Any], silent_for: float) -> None:
    decision = see(silent_for, entry, **sight)
    if takes(decision):
        assert silent_for >= (entry.lease or entry.stale_after)
        assert silent_for >= sight["policy"].failover_after
