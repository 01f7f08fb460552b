"""Silence counts only while the standby's own entries come back on time."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.identity import Incarnation
from framework.lifecycle.earshot import SLACK, Earshot
from framework.membership.roster import Entry
from framework.membership.roster_view import Seen
from framework.states import SeatState

INTERVAL = 0.5
ENTRY = Entry("standby-0", "standby-0@h#1-a", Incarnation("h", 1, 1, "a"), SeatState.RUNNING, 1, "app", role="standby")


def echo(at: float) -> Seen:
    return Seen(ENTRY, at, 0)


@pytest.fixture
def earshot() -> Earshot:
    return Earshot(INTERVAL)


def test_it_is_deaf_until_its_first_entry_comes_back(earshot: Earshot) -> None:
    earshot.heard(None, 10.0)
    assert earshot.since(10.0) is None
    assert not earshot.was_heard
    earshot.heard(echo(10.5), 10.5)
    assert earshot.since(10.6) == 10.5
    assert earshot.was_heard
    assert not earshot.is_after_gap


def test_it_hears_since_the_first_of_entries_that_come_on_time(earshot: Earshot) -> None:
    for at in (1.0, 1.5, 2.0, 2.9):
        earshot.heard(echo(at), at)
    assert earshot.since(3.0) == 1.0


def test_it_is_deaf_as_soon_as_an_echo_is_late(earshot: Earshot) -> None:
    earshot.heard(echo(1.0), 1.0)
    late = 1.0 + 1.5 * INTERVAL + SLACK + 0.01
    earshot.heard(echo(1.0), late)
    assert earshot.since(late) is None


def test_silence_counts_anew_after_a_gap(earshot: Earshot) -> None:
    earshot.heard(echo(1.0), 1.0)
    earshot.heard(echo(5.0), 5.0)
    assert earshot.since(5.1) == 5.0
    assert earshot.is_after_gap


def test_a_gap_is_noticed_though_nobody_looked_during_it(earshot: Earshot) -> None:
    """As after a pause of this process: the next look finds an echo that has just come."""
    earshot.heard(echo(1.0), 1.0)
    assert earshot.since(30.0) is None
    earshot.heard(echo(30.1), 30.1)
    assert earshot.since(30.2) == 30.1


@given(st.lists(st.floats(0.01, 4.0), min_size=1, max_size=30))
def test_between_two_echoes_since_it_hears_there_is_never_a_gap(steps: list[float]) -> None:
    earshot, times, now = Earshot(INTERVAL), [], 0.0
    for step in steps:
        now += step
        times.append(now)
        earshot.heard(echo(now), now)
    since = earshot.since(now)
    assert since is not None
    heard = [at for at in times if at >= since]
    assert all(after - before <= 1.5 * INTERVAL + SLACK for before, after in pairwise(heard))
