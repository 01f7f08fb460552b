"""What a supervisor knows of a process, after any of its reports."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import framework.lifecycle.observed as module
from framework.exit_codes import ExitCode
from framework.identity import Incarnation
from framework.lifecycle.link import (
    Admitted,
    Beat,
    Bound,
    Failed,
    Left,
    Moved,
    Promoted,
    Report,
    Shadows,
    Waiting,
    Yielded,
)
from framework.lifecycle.observed import Observed
from framework.lifecycle.status import Fence, Rebalance, WorkerStatus
from framework.membership.group import Joined
from framework.membership.roster import Shadowing
from framework.states import ShadowState, WorkerState

BOUND = Bound("shop", "w-0", "w-0@here#1-aa", "FRAMEWORK_ORDINAL", Incarnation("here", 10, 1, "aa"))
JOINED = Joined("m-0", 7, {"orders": (0, 2)}, "first join", 0.31, 1_700_000_000_500)
FENCE = Fence("held", 1, 120, "host there, process 77", "w-0@there#4000-0b")
SHADOWING = Shadowing("shop-standby", ShadowState.WARM, lags={"w-0": 7})
REPORTS: list[Report] = [
    *(Moved(state) for state in WorkerState),
    BOUND,
    JOINED,
    Admitted("m-0"),
    Beat(3),
    Beat(3, 0.5),
    Waiting(FENCE),
    Left(),
    Shadows(SHADOWING, {"t/0": 7}),
    Promoted("w-7"),
    Yielded(),
    Failed(ExitCode.CRASHED, "why"),
]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Time that a test sets; `now` is monotonic seconds."""
    found = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: found.now))
    return found


def after(*reports: Report) -> Observed:
    observed = Observed()
    for report in reports:
        observed.apply(report)
    return observed


def test_process_that_has_said_nothing() -> None:
    assert Observed().status(2, 4711) == WorkerStatus(slot=2, state=WorkerState.LOADING, pid=4711)


def test_everything_at_once(clock: SimpleNamespace) -> None:
    observed = after(BOUND, JOINED, Moved(WorkerState.RUNNING), Beat(3, 0.5))
    clock.now += 0.25
    assert observed.status(0, 4711) == WorkerStatus(
        slot=0,
        state=WorkerState.RUNNING,
        pid=4711,
        group_id="shop",
        group_instance_id="w-0",
        client_id="w-0@here#1-aa",
        source="FRAMEWORK_ORDINAL",
        member_id="m-0",
        assignment={"orders": (0, 2)},
        heartbeat_age=0.75,
        beat_age=0.25,
        in_flight=3,
        was_running=True,
        rebalance=Rebalance("first join", 0.31, 7, 1_700_000_000_500),
    )


def test_heartbeat_grows_old_while_the_process_says_nothing(clock: SimpleNamespace) -> None:
    observed = after(Beat(0, 1.0))
    clock.now += 30.0
    assert observed.status(0, 1).heartbeat_age == 31.0


def test_no_heartbeat_before_the_first(clock: SimpleNamespace) -> None:
    status = after(Beat(0)).status(0, 1)
    assert (status.heartbeat_age, status.beat_age) == (None, 0.0)


def test_last_assignment_is_the_one_that_counts() -> None:
    status = after(JOINED, Joined("m-1", 8, {}, "another member left", 1.0, 1)).status(0, 1)
    assert (status.member_id, status.assignment) == ("m-1", {})
    assert status.rebalance == Rebalance("another member left", 1.0, 8, 1)


def test_run_is_counted_from_its_start(clock: SimpleNamespace) -> None:
    observed = after(Moved(WorkerState.STARTING))
    assert observed.running_since is None
    observed.apply(Moved(WorkerState.RUNNING))
    clock.now += 5.0
    observed.apply(Moved(WorkerState.STOPPING))
    assert observed.running_since == 1000.0
    assert observed.status(0, 1).was_running


def test_wait_is_over_when_it_starts() -> None:
    waiting = after(Moved(WorkerState.WAITING), Waiting(FENCE))
    assert waiting.status(0, 1).fence == FENCE
    waiting.apply(Moved(WorkerState.STARTING))
    assert waiting.status(0, 1).fence is None


def test_last_words_are_kept() -> None:
    observed = after(Left(), Failed(ExitCode.FENCED, "Another process holds the seat."))
    assert observed.has_left
    assert observed.status(0, 1).has_left
    assert observed.failed == Failed(ExitCode.FENCED, "Another process holds the seat.")


class TestShadow:
    def test_how_well_it_shadows_is_shown(self) -> None:
        status = after(Moved(WorkerState.SHADOWING), Shadows(SHADOWING, {"t/0": 7})).status(0, 1)
        assert (status.shadowing, status.shadow_lags) == (SHADOWING, {"t/0": 7})
        assert not status.was_running

    def test_that_is_over_when_it_sits_down(self) -> None:
        status = after(Shadows(SHADOWING, {"t/0": 7}), Moved(WorkerState.STARTING)).status(0, 1)
        assert (status.shadowing, status.shadow_lags) == (None, {})

    def test_wait_is_over_when_it_shadows(self) -> None:
        assert after(Waiting(FENCE), Moved(WorkerState.SHADOWING)).status(0, 1).fence is None

    def test_seat_that_it_was_told_and_did_not_get_is_none_of_its(self) -> None:
        observed = after(Promoted("w-7"), Moved(WorkerState.SHADOWING))
        assert observed.seat is None
        observed.apply(Promoted("w-8"))
        assert observed.seat == "w-8"

    def test_work_is_counted_from_the_first_of_both(self, clock: SimpleNamespace) -> None:
        observed = after(Moved(WorkerState.CONNECTING))
        assert observed.at_work_since is None
        observed.apply(Moved(WorkerState.SHADOWING))
        clock.now += 5.0
        observed.apply(Moved(WorkerState.RUNNING))
        assert (observed.at_work_since, observed.running_since) == (1000.0, 1005.0)

    def test_whether_a_shadow_watches_over_it_and_it_may_emit(self) -> None:
        observed = after(Beat(0, 0.5, lease=3.0, may_emit=False))
        assert observed.was_shadowed
        assert not observed.status(0, 1).may_emit
        observed.apply(Beat(0, 0.5))
        assert not observed.was_shadowed
        assert observed.status(0, 1).may_emit

    def test_seat_and_yielding_are_kept(self) -> None:
        observed = after(Promoted("w-7"), Moved(WorkerState.STARTING), Yielded(), Moved(WorkerState.STOPPING))
        assert (observed.seat, observed.has_yielded) == ("w-7", True)

    def test_answer_of_the_standby_group_is_none_of_the_primary_group(self) -> None:
        observed = after(Moved(WorkerState.SHADOWING), Admitted("m-standby"), Moved(WorkerState.STARTING))
        assert (observed.has_started, observed.was_admitted) == (True, False)
        observed.apply(Admitted("m-0"))
        assert observed.was_admitted


@given(st.lists(st.sampled_from(REPORTS)))
def test_any_order_of_reports_gives_a_status(reports: list[Report]) -> None:
    status = after(*reports).status(0, 1)
    moves = [report.state for report in reports if isinstance(report, Moved)]
    assert status.state is (moves[-1] if moves else WorkerState.LOADING)
    assert status.was_running is (WorkerState.RUNNING in moves)
    assert status.has_left is (Left() in reports)
    assert (status.group_id is not None) is (BOUND in reports)
    assert (status.beat_age is not None) is any(isinstance(report, Beat) for report in reports)
