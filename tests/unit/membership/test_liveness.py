"""A worker lives if it renews its entry while somebody looks."""

import asyncio

import pytest

from framework.errors import RosterUnavailableError
from framework.membership.liveness import LONGEST, live_seats, watch_for
from framework.states import SeatState
from tests.unit.membership.fake_roster import FakeRoster, entry_of


def ask(roster: FakeRoster, *seats: str) -> frozenset[str]:
    return asyncio.run(live_seats(roster, seats, roster.clock))


def test_whoever_renews_its_entry_lives_and_whoever_does_not_is_dead() -> None:
    roster = FakeRoster()
    for seat in ("w-0", "w-1"):
        roster.write(entry_of(seat))
    roster.on_wait = lambda now: roster.write(entry_of("w-0")) if now > 100.9 else None
    assert ask(roster, "w-0", "w-1") == {"w-0"}
    assert 103.0 <= roster.now < 103.5, "three intervals"


def test_watching_ends_with_the_first_sign_of_life() -> None:
    roster = FakeRoster()
    roster.write(entry_of("w-0"))
    roster.on_wait = lambda now: roster.write(entry_of("w-0"))
    assert ask(roster, "w-0") == {"w-0"}
    assert roster.now < 100.5


@pytest.mark.parametrize("state", [SeatState.STOPPED, SeatState.LEFT])
def test_whoever_said_that_it_is_gone_is_not_waited_for(state: SeatState) -> None:
    roster = FakeRoster()
    roster.write(entry_of("w-0", state=state))
    assert ask(roster, "w-0") == frozenset()
    assert roster.now == 100.0


def test_entry_that_was_old_before_is_not_waited_for() -> None:
    roster = FakeRoster()
    roster.write(entry_of("w-0"))
    roster.now += 30.0
    assert ask(roster, "w-0") == frozenset()
    assert roster.now == 130.0


def test_seat_that_does_not_speak_counts_as_live() -> None:
    assert ask(FakeRoster(), "w-0") == {"w-0"}


def test_entry_that_vanishes_proves_no_death() -> None:
    roster = FakeRoster()
    roster.write(entry_of("w-0"))
    roster.on_wait = lambda _: roster.forget("w-0")
    assert ask(roster, "w-0") == {"w-0"}


def test_worker_that_stops_meanwhile_is_gone() -> None:
    roster = FakeRoster()
    roster.write(entry_of("w-0"))
    roster.on_wait = lambda _: roster.write(entry_of("w-0", state=SeatState.STOPPED))
    assert ask(roster, "w-0") == frozenset()


def test_second_process_in_a_seat_is_a_sign_of_life() -> None:
    roster = FakeRoster()
    roster.write(entry_of("w-0"))
    roster.on_wait = lambda _: roster.write(entry_of("w-0", client_id="w-0@other#1700000000001-0000000b"))
    assert ask(roster, "w-0") == {"w-0"}


def test_older_process_that_was_fenced_is_no_sign_of_life() -> None:
    """It could not say that it has gone, and its entry is younger than what counts as stale."""
    roster = FakeRoster()
    roster.write(entry_of("w-0", client_id="w-0@old#1700000000000-0000000a"))
    roster.now += 1.0
    newer = "w-0@new#1700000000001-0000000b"
    roster.write(entry_of("w-0", client_id=newer))
    roster.on_wait = lambda now: (
        roster.write(entry_of("w-0", client_id=newer, state=SeatState.LEFT)) if now < 101.5 else None
    )
    assert ask(roster, "w-0") == frozenset()


def test_silence_means_nothing_where_nobody_can_be_heard() -> None:
    roster = FakeRoster(problem="Grant WRITE.")
    roster.write(entry_of("w-0"))
    with pytest.raises(RosterUnavailableError, match=r"Grant WRITE\."):
        ask(roster, "w-0")


def test_doubt_does_not_matter_where_nobody_is_silent() -> None:
    roster = FakeRoster(problem="Grant WRITE.")
    roster.write(entry_of("w-0"))
    roster.on_wait = lambda _: roster.write(entry_of("w-0"))
    assert ask(roster, "w-0", "w-that-never-spoke") == {"w-0", "w-that-never-spoke"}


@pytest.mark.parametrize(
    ("interval", "seconds"), [(0.1, 0.3), (1.0, 3.0), (2.0, LONGEST), (3.0, LONGEST), (10.0, 15.0)]
)
def test_how_long_an_entry_is_watched(interval: float, seconds: float) -> None:
    assert watch_for(entry_of("w-0", interval=interval)) == pytest.approx(seconds)
