"""A standby's state names the gravest fault in a sentence; its seats follow from who else stands by."""

from dataclasses import replace

import pytest

from framework.identity import Incarnation
from framework.lifecycle.standby_view import Facts, Place, assess, seats_to_shadow
from framework.membership.group import Group, Member
from framework.membership.roster import SITS_IN, Entry, Order, OrderKind
from framework.membership.roster_records import encode, encode_order
from framework.membership.roster_view import RosterView
from framework.states import SeatState, ShadowState


def member(seat: str) -> Member:
    return Member(f"{seat}-uuid", seat, f"{seat}@h#1-a", "/127.0.0.1")


PRIMARY = Group("app", "Stable", (member("app-0"), member("app-1"), member("app-2")))
FIRST = Place("app-standby-0", "app-standby-0@h#1-a")
SECOND = Place("app-standby-1", "app-standby-1@h#1-a")
WARM = Facts("app", is_heard=True, was_heard=True, primary=PRIMARY, has_entries=True, lags={"app-0": 5}, max_lag=10)


@pytest.mark.parametrize(
    ("facts", "state", "words"),
    [
        (WARM, ShadowState.WARM, ""),
        (replace(WARM, primary=None), ShadowState.STARTING, ""),
        (replace(WARM, was_heard=False, is_heard=False), ShadowState.STARTING, ""),
        (replace(WARM, is_heard=False), ShadowState.DEAF, "no seat is taken over"),
        (replace(WARM, primary=Group("app", "Dead"), has_entries=False), ShadowState.NO_PRIMARY, "'app'"),
        (replace(WARM, differences="x is missing"), ShadowState.DIFFERENT, "x is missing"),
        (replace(WARM, lags={}), ShadowState.NO_SEAT, "FRAMEWORK_SHADOWS"),
        (replace(WARM, lags={"app-0": None}), ShadowState.WARMING, "app-0"),
        (replace(WARM, lags={"app-0": 11}), ShadowState.WARMING, "app-0 by 11"),
    ],
)
def test_state(facts: Facts, state: ShadowState, words: str) -> None:
    found, problem = assess(facts)
    assert found is state
    assert words in problem


def test_a_primary_group_that_is_away_was_there_once() -> None:
    gone = replace(WARM, primary=Group("app", "Empty"), has_entries=True)
    assert assess(gone)[0] is ShadowState.WARM


def heard(*standby_ids: str) -> RosterView:
    """A roster in which these standbys have spoken at second 10."""
    view = RosterView()
    for standby_id in standby_ids:
        who = Incarnation("h", 1, 1, "a")
        entry = Entry(standby_id, f"{standby_id}@h#1-a", who, SeatState.RUNNING, 1, "app", role="standby")
        view.apply(standby_id.encode(), encode(entry), 10.0, 0)
    return view


BOTH = heard("app-standby-0", "app-standby-1")


def test_standbys_share_the_seats() -> None:
    assert seats_to_shadow(FIRST, PRIMARY, BOTH, 11.0) == ("app-0", "app-2")
    assert seats_to_shadow(SECOND, PRIMARY, BOTH, 11.0) == ("app-1",)


@pytest.mark.parametrize(("roster", "now"), [(BOTH, 30.0), (RosterView(), 11.0)])
def test_dead_standbys_have_no_share(roster: RosterView, now: float) -> None:
    """Their sessions may go on for long, and nobody would shadow their seats."""
    assert seats_to_shadow(FIRST, PRIMARY, roster, now) == ("app-0", "app-1", "app-2")


def test_standby_that_sits_in_a_seat_keeps_its_share() -> None:
    """Else each takeover would have the others drop what they keep warm."""
    view = heard("app-standby-1")
    who = Incarnation("h", 2, 2, "b")
    seated = Entry("app-0", "app-0@h#2-b", who, SeatState.RUNNING, 1, "app", standby_id="app-standby-0")
    view.apply(b"app-0", encode(seated), 10.0, 0)
    assert seats_to_shadow(SECOND, PRIMARY, view, 11.0) == ("app-1",)


def test_standby_that_sits_down_keeps_its_share_before_the_seat_has_spoken() -> None:
    view = heard("app-standby-1")
    who = Incarnation("h", 1, 1, "a")
    last = Entry("app-standby-0", "app-standby-0@h#1-a", who, SeatState.LEFT, 1, "app", role="standby")
    view.apply(b"app-standby-0", encode(replace(last, reason=f"{SITS_IN}app-0")), 10.0, 0)
    assert seats_to_shadow(SECOND, PRIMARY, view, 11.0) == ("app-1",)
    view.apply(b"app-standby-0", encode(last), 12.0, 0)
    assert seats_to_shadow(SECOND, PRIMARY, view, 13.0) == ("app-0", "app-1", "app-2")


def test_standby_keeps_a_seat_that_is_just_handed_over_to_it() -> None:
    view = heard("app-standby-0", "app-standby-1")
    key, value = encode_order(Order("app-2", OrderKind.HANDOVER, "app-2@h#1-a", SECOND.client_id))
    view.apply(key, value, 10.0, 0)
    assert seats_to_shadow(SECOND, PRIMARY, view, 11.0) == ("app-1", "app-2")
    assert seats_to_shadow(FIRST, PRIMARY, view, 11.0) == ("app-0", "app-2")
    renewed = heard("app-standby-0", "app-standby-1")
    renewed.apply(key, value, -90.0, 0)
    assert seats_to_shadow(SECOND, PRIMARY, renewed, 11.0) == ("app-1",)


def test_seats_of_a_group_that_is_away_are_those_of_the_roster() -> None:
    view = RosterView()
    for number, state in enumerate((SeatState.RUNNING, SeatState.STOPPED, SeatState.LEFT)):
        entry = Entry(f"app-{number}", "c", Incarnation("h", 1, 1, "a"), state, 1, "app")
        view.apply(f"app-{number}".encode(), encode(entry), 10.0, 0)
    away = Group("app", "Empty")
    assert seats_to_shadow(FIRST, away, view, 99.0) == ("app-0", "app-1")


def test_primaries_that_shadow_their_own_seat_do_not_count() -> None:
    roster = heard("app-standby-0", "app-standby-1", "app-1-shadow")
    assert seats_to_shadow(SECOND, PRIMARY, roster, 11.0) == ("app-1",)


def test_a_primary_shadows_its_own_seat_alone() -> None:
    home = Place("app-1-shadow", "app-1-shadow@h#1-a", home="app-1", named=("app-2",))
    assert seats_to_shadow(home, PRIMARY, RosterView(), 11.0) == ("app-1",)


def test_a_setting_names_the_seats() -> None:
    named = replace(FIRST, named=("app-2", "nobody"))
    assert seats_to_shadow(named, PRIMARY, RosterView(), 11.0) == ("app-2",)
