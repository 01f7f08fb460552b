"""What the next process of a slot is told about the ones before it."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import framework.lifecycle.lineage as module
from framework.backoff import Backoff
from framework.exit_codes import ExitCode
from framework.identity import Incarnation
from framework.lifecycle.lineage import REMEMBERED, Lineage
from framework.lifecycle.link import Admitted, Bound, Go, Waiting
from framework.lifecycle.observed import Observed
from framework.lifecycle.restart_policy import RestartPolicy
from framework.lifecycle.status import Fence

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
