"""What the next process of a slot is told about the ones before it."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import framework.lifecycle.lineage as module
from framework.backoff import Backoff
from framework.exit_codes import ExitCode
from framework.identity import Incarnation
from framework.lifecycle.lineage import REMEMBERED, Lineage
from framework.lifecycle.link import Admitted, Beat, Bound, Go, Moved, Promoted, Report, Surplus, Waiting, Yielded
from framework.lifecycle.observed import Observed
from framework.lifecycle.restart_policy import RestartPolicy
from framework.lifecycle.status import Fence
from framework.states import WorkerState

POLICY = RestartPolicy(Backoff(), limit=3, reset_after=30.0, fenced_limit=5, fenced_reset_after=60.0)
NOW = 1000.0
OTHER = Fence("held", 3, 5, "host there, process 77", "w-0@there#4000-0b")


@pytest.fixture
def lineage(monkeypatch: pytest.MonkeyPatch) -> Lineage:
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: NOW))
    return Lineage(POLICY)


def incarnation(number: int) -> Incarnation:
    return Incarnation("here", number, number, f"{number:08x}")


def process(number: int = 0, ran_for: float | None = None) -> Observed:
    bound = Bound("shop", "w-0", f"w-0@here#{number}", "test", incarnation(number))
    return Observed(bound=bound, running_since=None if ran_for is None else NOW - ran_for)


def after(observed: Observed, *reports: Report) -> Observed:
    """A process after some reports."""
    for report in reports:
        observed.apply(report)
    return observed


def test_first_process_has_nobody_before_it(lineage: Lineage) -> None:
    assert lineage.go() == Go()
    assert lineage.go(is_handover=True) == Go(is_handover=True)


def test_process_that_did_not_get_as_far_as_a_name_leaves_nothing(lineage: Lineage) -> None:
    lineage.ended(Observed(), ExitCode.APP_IMPORT_FAILED)
    assert lineage.go() == Go()


@pytest.mark.parametrize("code", [ExitCode.OK, ExitCode.CRASHED, -9])
def test_each_that_had_a_name_may_have_had_the_seat(code: int, lineage: Lineage) -> None:
    lineage.admitted(Admitted("m-0"))
    lineage.ended(process(0), code)
    lineage.ended(process(1), code)
    assert lineage.go() == Go(False, frozenset({"w-0@here#0", "w-0@here#1"}), frozenset({"m-0"}))


class TestJoin:
    """A process that dies before the broker has answered its join may hold the seat under a name that nobody knows."""

    @pytest.mark.parametrize(("moves", "has"), [((), False), ((Moved(WorkerState.STARTING),), True)])
    def test_next_process_hears_that_it_was_not_answered(
        self, moves: tuple[Moved, ...], has: bool, lineage: Lineage
    ) -> None:
        lineage.ended(after(process(), *moves), -9)
        assert lineage.go().has_unanswered_join is has

    def test_and_nothing_where_it_was(self, lineage: Lineage) -> None:
        lineage.ended(after(process(), Moved(WorkerState.STARTING), Admitted("m-0")), -9)
        assert not lineage.go().has_unanswered_join

    def test_it_is_remembered_until_another_one_has_joined(self, lineage: Lineage) -> None:
        lineage.ended(after(process(0), Moved(WorkerState.STARTING)), -9)
        lineage.ended(after(process(1), Moved(WorkerState.WAITING)), -9)
        assert lineage.go().has_unanswered_join
        lineage.ended(after(process(2), Moved(WorkerState.STARTING), Admitted("m-2")), -9)
        assert not lineage.go().has_unanswered_join

    def test_answer_of_the_standby_group_is_none_for_the_seat(self, lineage: Lineage) -> None:
        moves = (Moved(WorkerState.SHADOWING), Admitted("m-standby"), Promoted("w-0"), Moved(WorkerState.STARTING))
        lineage.ended(after(process(), *moves), -9)
        assert (lineage.go().has_unanswered_join, lineage.go().seat) == (True, "w-0")


class TestSeat:
    @pytest.mark.parametrize(
        ("code", "seat"), [(ExitCode.OK, "w-7"), (ExitCode.CRASHED, "w-7"), (-9, "w-7"), (ExitCode.FENCED, None)]
    )
    def test_one_that_was_taken_over_is_held_on_to_unless_it_was_lost(
        self, code: int, seat: str | None, lineage: Lineage
    ) -> None:
        lineage.ended(after(process(), Promoted("w-7")), code)
        assert lineage.go().seat == seat

    def test_one_that_was_yielded_is_not(self, lineage: Lineage) -> None:
        lineage.ended(after(process(), Promoted("w-7"), Yielded()), ExitCode.OK)
        assert (lineage.go().seat, lineage.go().has_yielded) == (None, True)

    def test_one_that_was_scaled_away_is_not_either(self, lineage: Lineage) -> None:
        lineage.ended(after(process(), Promoted("w-7"), Surplus()), ExitCode.OK)
        assert lineage.go().seat is None

    def test_one_that_somebody_else_had_by_then_is_not_either(self, lineage: Lineage) -> None:
        lineage.ended(after(process(), Promoted("w-7"), Moved(WorkerState.SHADOWING)), ExitCode.CRASHED)
        assert lineage.go().seat is None

    def test_ones_own_needs_no_word(self, lineage: Lineage) -> None:
        lineage.ended(process(), ExitCode.CRASHED)
        assert (lineage.go().seat, lineage.go().has_yielded) == (None, False)

    def test_yielding_is_over_with_the_next_process(self, lineage: Lineage) -> None:
        lineage.ended(after(process(0), Yielded()), ExitCode.OK)
        lineage.ended(process(1), ExitCode.CRASHED)
        assert lineage.go().has_yielded, "one that got nowhere leaves the next where it was itself"
        lineage.ended(after(process(2), Moved(WorkerState.SHADOWING)), ExitCode.CRASHED)
        assert not lineage.go().has_yielded

    def test_process_that_did_not_get_as_far_as_a_name_changes_nothing(self, lineage: Lineage) -> None:
        lineage.ended(after(process(), Promoted("w-7")), ExitCode.CRASHED)
        lineage.ended(Observed(), ExitCode.CRASHED)
        assert lineage.go().seat == "w-7"


class TestAnnounced:
    """The next process is loading for longer than shadows wait: they are told before."""

    AT_WORK = (Beat(0, lease=3.0), Moved(WorkerState.RUNNING))

    def test_seat_of_one_that_shadows_watched_over(self, lineage: Lineage) -> None:
        lineage.ended(after(process(), *self.AT_WORK), ExitCode.CRASHED)
        assert lineage.announced == ("shop", "w-0")
        assert lineage.go().is_shadowed

    @pytest.mark.parametrize(
        "reports",
        [(Beat(0), Moved(WorkerState.RUNNING)), (*AT_WORK, Yielded()), (Beat(0, lease=3.0),)],
        ids=["nobody watches", "a shadow has it", "was not at work"],
    )
    def test_no_other_one(self, reports: tuple[Report, ...], lineage: Lineage) -> None:
        assert lineage.announced is None
        lineage.ended(after(process(), *reports), ExitCode.CRASHED)
        assert lineage.announced is None

    def test_process_that_got_nowhere_changes_nothing(self, lineage: Lineage) -> None:
        lineage.ended(after(process(0), *self.AT_WORK), ExitCode.CRASHED)
        lineage.ended(process(1), ExitCode.CRASHED)
        assert lineage.announced == ("shop", "w-0")
        assert lineage.go().is_shadowed

    def test_dynamic_member_has_no_seat(self, lineage: Lineage) -> None:
        found = after(process(), *self.AT_WORK)
        assert found.bound is not None
        found.bound = replace(found.bound, group_instance_id=None)
        lineage.ended(found, ExitCode.CRASHED)
        assert lineage.announced is None


class TestFences:
    def test_fences_in_a_row_count(self, lineage: Lineage) -> None:
        for number in range(3):
            lineage.ended(process(number), ExitCode.FENCED)
        assert (lineage.attempts, lineage.go().fenced) == (3, incarnation(2))
        assert lineage.fence == Fence("", 3, 5)

    def test_fence_keeps_what_the_last_look_saw(self, lineage: Lineage) -> None:
        lineage.waiting(Waiting(OTHER))
        lineage.ended(process(), ExitCode.FENCED)
        assert lineage.fence == Fence("held", 4, 5, OTHER.holder, OTHER.holder_client_id)

    def test_who_was_fenced_is_remembered_until_somebody_has_run(self, lineage: Lineage) -> None:
        lineage.ended(process(0), ExitCode.FENCED)
        lineage.ended(process(1), ExitCode.CRASHED)
        assert lineage.go().fenced == incarnation(0)
        lineage.ended(process(2, ran_for=1.0), ExitCode.CRASHED)
        assert lineage.go().fenced is None
        assert lineage.fence is None

    def test_look_of_a_process_counts_on_from_there(self, lineage: Lineage) -> None:
        lineage.waiting(Waiting(OTHER))
        assert lineage.go().attempts == OTHER.attempt
        assert lineage.fence == OTHER

    @pytest.mark.parametrize(("ran_for", "attempts"), [(None, 3), (0.0, 3), (59.9, 3), (60.0, 0), (3600.0, 0)])
    def test_long_enough_a_run_forgets_them(self, ran_for: float | None, attempts: int, lineage: Lineage) -> None:
        lineage.waiting(Waiting(OTHER))
        lineage.ended(process(0, ran_for), ExitCode.CRASHED)
        assert lineage.go().attempts == attempts

    def test_fence_after_a_long_run_is_the_first_again(self, lineage: Lineage) -> None:
        lineage.waiting(Waiting(OTHER))
        lineage.ended(process(0, ran_for=60.0), ExitCode.FENCED)
        assert (lineage.attempts, lineage.fence) == (1, Fence("", 1, 5))


@given(st.lists(st.integers(0, 99), max_size=120))
def test_only_the_last_few_are_remembered(numbers: list[int]) -> None:
    lineage = Lineage(POLICY)
    for number in numbers:
        lineage.ended(process(number), ExitCode.CRASHED)
        lineage.admitted(Admitted(f"m-{number}"))
    go = lineage.go()
    assert len(go.lineage) == len(go.members) == min(REMEMBERED, len(set(numbers)))
    assert not numbers or f"m-{numbers[-1]}" in go.members
