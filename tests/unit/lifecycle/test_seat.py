"""A worker waits for its seat outside the group; coordinator, roster and clock are fakes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.errors import SeatTakenError, SupersededError
from framework.exit_codes import ExitCode
from framework.lifecycle.link import Go
from framework.lifecycle.seat import SPREAD, describe, since
from framework.lifecycle.status import Fence
from framework.membership.group import Member
from framework.membership.verdict import Holder
from framework.states import SeatState
from tests.unit.lifecycle.fake_seat import CHANCE, ME, NEWER, OTHER, SEAT, FakeSeat, bound_app, client_id

LAST_LOOK = SPREAD * CHANCE
FENCED = Go(lineage=frozenset({client_id(ME)}), members=frozenset({"m-me"}), fenced=ME, attempts=1)
HOLDER = "host there, process 77, since 1970-01-01 00:00:04 UTC, client id w-0@there#4000-0000000b, member id m-other"


@pytest.fixture
def seat(monkeypatch: pytest.MonkeyPatch) -> FakeSeat:
    return FakeSeat(monkeypatch)


class TestNoWait:
    """Where the worker sits down at once, and what it looks at for that."""

    def test_after_a_handover_nobody_looks(self, seat: FakeSeat) -> None:
        seat.sits(OTHER)
        seat.await_seat(Go(is_handover=True))
        assert seat.looks == []

    def test_dynamic_member_has_no_seat_to_look_at(self, seat: FakeSeat) -> None:
        seat.sits(OTHER)
        seat.await_seat(app=bound_app(None))
        assert seat.looks == []

    def test_free_seat_is_looked_at_once(self, seat: FakeSeat) -> None:
        seat.await_seat()
        assert (seat.after, seat.rosters, seat.waited) == ([0.0], 1, 0)

    def test_member_of_our_own_needs_no_roster(self, seat: FakeSeat) -> None:
        seat.sits(ME, "m-me")
        seat.await_seat(Go(lineage=frozenset({client_id(ME)}), members=frozenset({"m-me"})))
        assert (seat.after, seat.rosters, seat.told) == ([0.0], 0, [])

    def test_seat_whose_holder_said_goodbye_is_free_although_its_session_lasts(self, seat: FakeSeat) -> None:
        seat.sits(OTHER, state=SeatState.STOPPED)
        seat.await_seat()
        assert (seat.after, seat.waited) == ([0.0], 0)

    def test_first_look_waits_for_a_coordinator(self, seat: FakeSeat) -> None:
        """A broker has answered before, so it is only a matter of time."""
        seat.outage = 101.0
        seat.await_seat()
        assert seat.now >= 101.0
        assert seat.told == []

    def test_everything_is_closed_again(self, seat: FakeSeat) -> None:
        seat.await_seat()
        seat.sits(OTHER)
        with pytest.raises(SeatTakenError):
            seat.await_seat(fenced_policy="stop")
        assert seat.open == set()


class TestGivingUp:
    def test_it_leaves_word_of_whom_it_gave_up_on(self, seat: FakeSeat) -> None:
        seat.sits(OTHER)
        with pytest.raises(SeatTakenError):
            seat.await_seat(fenced_policy="stop")
        assert seat.view.has_given_up(SEAT, ME.host, client_id(OTHER), seat.now)

    def test_started_again_it_does_not_take_the_seat_that_it_gave_up(self, seat: FakeSeat) -> None:
        """Both processes are on one host, where the newer one may take over; but this one has been there before."""
        here = replace(OTHER, host=ME.host)
        seat.sits(here)
        with pytest.raises(SupersededError):
            seat.await_seat(replace(FENCED, fenced=replace(ME, start_ms=0)), fenced_policy="stop")
        with pytest.raises(SeatTakenError):
            seat.await_seat(fenced_policy="stop")

    def test_a_roster_that_cannot_be_written_does_not_matter(self, seat: FakeSeat) -> None:
        seat.sits(OTHER)
        seat.can_write = False
        with pytest.raises(SeatTakenError):
            seat.await_seat(fenced_policy="stop")


class TestWaiting:
    def test_each_look_waits_longer_up_to_the_maximum(self, seat: FakeSeat) -> None:
        seat.sits(OTHER)
        self._renew(seat, 60)
        with pytest.raises(SeatTakenError):
            seat.await_seat(fenced_max_attempts=7, fenced_backoff_initial=0.5, fenced_backoff_max=5.0)
        pauses = [later - sooner for sooner, later in zip(seat.looks, seat.looks[1:], strict=False)]
        jitter = 0.1 * CHANCE
        # A wait for the roster that ends without news may be followed by a tenth of a second.
        for pause, wanted in zip(pauses, [0.5, 1.0, 2.0, 4.0, 5.0, 5.0], strict=True):
            assert wanted + jitter <= pause <= wanted + jitter + 0.1 + 1e-6

    def test_supervisor_is_told_after_each_look(self, seat: FakeSeat) -> None:
        seat.sits(OTHER)
        self._renew(seat, 60)
        with pytest.raises(SeatTakenError):
            seat.await_seat(fenced_max_attempts=3)
        assert seat.told == [Fence("held", n, 3, HOLDER, client_id(OTHER)) for n in (1, 2)]

    def test_attempts_of_former_processes_count(self, seat: FakeSeat) -> None:
        seat.sits(NEWER)
        self._renew(seat, 60, NEWER)
        with pytest.raises(SupersededError):
            seat.await_seat(FENCED, fenced_max_attempts=4)
        assert [(fence.verdict, fence.attempt) for fence in seat.told] == [("superseded", 2), ("superseded", 3)]

    @pytest.mark.parametrize("state", [SeatState.STOPPED, SeatState.LEFT])
    def test_word_of_the_holder_that_it_goes_is_heard_at_once(self, state: SeatState, seat: FakeSeat) -> None:
        seat.sits(OTHER)
        seat.at(1.0, lambda: seat.sits(OTHER, state=state))
        seat.await_seat(fenced_backoff_initial=60.0, fenced_backoff_max=60.0)
        assert seat.after == [0.0, 1.0, round(1.0 + LAST_LOOK, 3)]

    def test_other_news_of_the_roster_do_not_shorten_the_wait(self, seat: FakeSeat) -> None:
        seat.sits(OTHER)
        self._renew(seat, 8)
        seat.at(9.0, lambda: seat.sits(OTHER, state=SeatState.STOPPED))
        seat.await_seat(fenced_backoff_initial=60.0, fenced_backoff_max=60.0)
        assert seat.after[:2] == [0.0, 9.0]

    def test_word_is_not_believed_while_the_roster_cannot_be_read(self, seat: FakeSeat) -> None:
        seat.sits(OTHER)

        def go_and_lose_the_roster() -> None:
            seat.says(OTHER, state=SeatState.STOPPED)
            seat.doubt = "It cannot be read."

        seat.at(1.0, go_and_lose_the_roster)
        with pytest.raises(SeatTakenError):
            seat.await_seat(fenced_max_attempts=2, fenced_backoff_initial=5.0)
        assert seat.after[1] >= 5.0

    def test_holder_that_dies_is_found_out_by_its_silence(self, seat: FakeSeat) -> None:
        seat.sits(OTHER)
        seat.await_seat(fenced_backoff_initial=1.0, fenced_backoff_max=2.0)
        assert 10.0 <= seat.after[-1] <= 13.0

    def test_no_busy_loop_around_a_holder_that_nobody_knows(self, seat: FakeSeat) -> None:
        seat.holder = Member("m-x", SEAT, "some-client", "/10.0.0.9")
        seat.at(30.0, lambda: setattr(seat, "holder", None))
        seat.await_seat()
        assert seat.waited < 30
        assert "a process that the roster does not know, member id m-x" in seat.told[0].holder

    def test_without_a_roster_the_description_decides(self, seat: FakeSeat) -> None:
        seat.has_roster = False
        seat.sits(OTHER)
        seat.at(4.0, lambda: setattr(seat, "holder", None))
        seat.await_seat()
        assert 4.0 <= seat.after[-1] <= 8.0
        assert seat.rosters == 1 + len(seat.looks), "for word of a shadow, and again with each look"
        assert seat.waited < 100

    def test_roster_that_comes_later_is_used_from_then_on(self, seat: FakeSeat) -> None:
        seat.has_roster = False
        seat.sits(OTHER)
        seat.at(0.2, lambda: setattr(seat, "has_roster", True))
        seat.at(2.0, lambda: seat.sits(OTHER, state=SeatState.LEFT))
        seat.await_seat(fenced_backoff_max=60.0, fenced_backoff_initial=1.0)
        assert seat.rosters == 3
        assert seat.after[2] == 2.0

    @staticmethod
    def _renew(seat: FakeSeat, seconds: int, who: object = OTHER) -> None:
        for second in range(1, seconds):
            seat.at(float(second), lambda: seat.sits(who))  # type: ignore[arg-type]


class TestBrokerIsAway:
    def test_look_without_an_answer_is_not_counted(self, seat: FakeSeat) -> None:
        seat.sits(OTHER)
        seat.at(0.1, lambda: setattr(seat, "outage", 109.0))
        seat.at(0.1, lambda: setattr(seat, "doubt", "It cannot be read."))
        seat.at(9.0, lambda: setattr(seat, "doubt", ""))
        for second in range(9, 20):
            seat.at(float(second), lambda: seat.sits(OTHER))
        with pytest.raises(SeatTakenError, match="at look 3 of 3"):
            seat.await_seat(fenced_max_attempts=3, fenced_backoff_max=1.0)
        unanswered = [look for look in seat.looks[1:] if look < 109.0]
        assert len(unanswered) > 3
        assert [fence.attempt for fence in seat.told] == [1, 2]

    def test_seat_that_is_free_when_it_is_back_is_taken(self, seat: FakeSeat) -> None:
        seat.sits(OTHER)
        seat.at(0.1, lambda: setattr(seat, "outage", 109.0))
        seat.at(0.1, lambda: setattr(seat, "doubt", "It cannot be read."))
        seat.at(9.0, lambda: setattr(seat, "doubt", ""))
        seat.at(9.0, lambda: seat.sits(OTHER, state=SeatState.STOPPED))
        seat.await_seat(fenced_max_attempts=2, fenced_backoff_max=1.0)
        assert [fence.attempt for fence in seat.told] == [1]


class TestLastLook:
    """Several may have waited for one seat: each looks again a moment later, and finds who was first."""

    def test_free_seat_is_looked_at_twice(self, seat: FakeSeat) -> None:
        seat.sits(OTHER)
        seat.at(0.3, lambda: seat.sits(OTHER, state=SeatState.STOPPED))
        seat.await_seat()
        assert seat.after == [0.0, 0.3, round(0.3 + LAST_LOOK, 3)]

    def test_whoever_was_first_keeps_it(self, seat: FakeSeat) -> None:
        seat.sits(OTHER)
        seat.at(0.3, lambda: seat.sits(OTHER, state=SeatState.STOPPED))
        seat.at(0.3 + LAST_LOOK / 2, lambda: seat.says(NEWER, "", SeatState.STARTING))
        with pytest.raises(SeatTakenError, match="process 78"):
            seat.await_seat(fenced_max_attempts=2)

    def test_seat_of_our_own_needs_no_second(self, seat: FakeSeat) -> None:
        def give_it_back() -> None:
            seat.says(OTHER, state=SeatState.STOPPED)
            seat.sits(ME, "m-me")

        seat.sits(OTHER)
        seat.at(0.3, give_it_back)
        seat.await_seat(FENCED)
        assert seat.after == [0.0, 0.3]


class TestRefusal:
    def test_policy_stop_ends_at_the_first_look(self, seat: FakeSeat) -> None:
        seat.sits(OTHER)
        with pytest.raises(SeatTakenError) as caught:
            seat.await_seat(fenced_policy="stop")
        assert (seat.after, seat.told, seat.waited) == ([0.0], [], 0)
        assert str(caught.value) == (
            f"Another process holds the seat 'w-0' of group 'flights': {HOLDER}. This worker has nothing to do, and"
            " ends because FRAMEWORK_FENCED_POLICY is stop. Stop the other one if it should not be there; if both are"
            " meant to work, give each an instance id of its own."
        )
        assert (caught.value.exit_code, caught.value.group_id, caught.value.group_instance_id) == (
            ExitCode.SEAT_TAKEN,
            "flights",
            SEAT,
        )

    def test_newer_process_supersedes_a_fenced_one(self, seat: FakeSeat) -> None:
        seat.sits(NEWER)
        with pytest.raises(SupersededError) as caught:
            seat.await_seat(FENCED, fenced_policy="stop")
        assert caught.value.exit_code is ExitCode.SUPERSEDED
        assert str(caught.value).startswith("Another newer process holds the seat 'w-0' of group 'flights': host there")

    def test_attempts_that_are_used_up_are_named(self, seat: FakeSeat) -> None:
        seat.sits(OTHER)
        with pytest.raises(SeatTakenError, match=r"it was still there at look 2 of 2 \(FRAMEWORK_FENCED_MAX_ATTEMPTS"):
            seat.await_seat(fenced_max_attempts=2)

    def test_single_attempt_does_not_wait(self, seat: FakeSeat) -> None:
        seat.sits(OTHER)
        with pytest.raises(SeatTakenError, match="at look 1 of 1"):
            seat.await_seat(fenced_max_attempts=1)
        assert seat.waited == 0


@given(st.integers(1, 9), st.integers(0, 12))
def test_looks_never_exceed_the_limit(limit: int, before: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        seat = FakeSeat(patch)
        seat.has_roster = False
        seat.holder = Member("m-x", SEAT, "some-client", "/10.0.0.9")
        with pytest.raises(SeatTakenError):
            seat.await_seat(Go(attempts=before), fenced_max_attempts=limit)
        assert len(seat.looks) == max(1, limit - before)
        assert [fence.attempt for fence in seat.told] == list(range(before + 1, limit))


@pytest.mark.parametrize(
    ("holder", "text"),
    [
        (Holder("m-other", client_id(OTHER), "there", 77, 4_000), HOLDER),
        (
            Holder("", client_id(OTHER), "there", 77, 4_000),
            HOLDER.replace(", member id m-other", ", about to join"),
        ),
        (
            Holder("m-1", "some-client"),
            "a process that the roster does not know, member id m-1; the client id that the broker shows, some-client,"
            " is that of the process which sat down there first",
        ),
    ],
    ids=["known", "about to join", "unknown"],
)
def test_holder_is_described(holder: Holder, text: str) -> None:
    assert describe(holder) == text


def test_start_that_nobody_knows() -> None:
    assert since(Holder("m-1", "some-client")) is None
