"""What each probe says of which status."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.lifecycle.health import BLOCKED_AFTER, live, ready, startup
from framework.lifecycle.status import Fence, Status, WorkerStatus
from framework.membership.roster import Shadowing
from framework.states import ShadowState, WorkerState
from tests.unit.lifecycle.some_status import ended, running, status_of

HELD = Fence("held", 3, 120, "box2 (pid 7), since 10:00, client id flights-0@box2#1-aa", "flights-0@box2#1-aa")

WORKERS = st.builds(
    WorkerStatus,
    slot=st.integers(0, 3),
    state=st.none() | st.sampled_from(WorkerState),
    pid=st.none() | st.integers(2, 9),
    heartbeat_age=st.none() | st.floats(0, 100),
    beat_age=st.none() | st.floats(0, 100),
    was_running=st.booleans(),
    has_ended=st.booleans(),
    has_left=st.booleans(),
    fence=st.none() | st.just(HELD),
    shadowing=st.none() | st.builds(Shadowing, st.just("s"), st.sampled_from(ShadowState), st.just("Why.")),
)
STATUSES = st.builds(
    lambda workers, is_stopping: status_of(*workers, is_stopping=is_stopping), st.lists(WORKERS), st.booleans()
)


def waiting(slot: int = 0, **changes: Any) -> WorkerStatus:
    return running(slot, **{"state": WorkerState.WAITING, "fence": HELD, "was_running": False, **changes})


def shadowing(state: ShadowState, problem: str = "", **changes: Any) -> WorkerStatus:
    return running(state=WorkerState.SHADOWING, shadowing=Shadowing("flights-standby", state, problem), **changes)


@pytest.mark.parametrize("question", [live, ready, startup])
def test_all_is_well(question: Any) -> None:
    found = question(status_of(running(0), running(1)))
    assert found.is_ok
    assert found.reasons == ()


@given(STATUSES)
def test_what_fails_says_why(status: Status) -> None:
    for question in (live, ready, startup):
        found = question(status)
        assert found.is_ok is (len(found.reasons) == 0)
        assert all(reason[0].isupper() and reason.endswith(".") for reason in found.reasons)


class TestLive:
    def test_blocked_worker_is_named(self) -> None:
        found = live(status_of(running(0), running(1, beat_age=7.2)))
        assert found.reasons == ("Worker 1 (flights-1) does not turn its event loop: blocked for 7 s.",)

    @pytest.mark.parametrize("state", [WorkerState.CONNECTING, WorkerState.STARTING, WorkerState.STOPPING])
    def test_worker_can_be_blocked_in_any_state_that_has_a_loop(self, state: WorkerState) -> None:
        assert not live(status_of(running(state=state, beat_age=BLOCKED_AFTER + 0.1))).is_ok
        assert live(status_of(running(state=state, beat_age=BLOCKED_AFTER))).is_ok

    @pytest.mark.parametrize("state", [None, WorkerState.STOPPED, WorkerState.FAILED])
    def test_process_that_is_gone_is_not_blocked(self, state: WorkerState | None) -> None:
        assert live(status_of(running(state=state, beat_age=60.0))).is_ok

    @pytest.mark.parametrize(
        "worker",
        [
            waiting(),
            running(state=WorkerState.CONNECTING, was_running=False, heartbeat_age=None),
            running(heartbeat_age=600.0),
            running(state=WorkerState.LOADING, beat_age=None),
        ],
    )
    def test_what_a_restart_would_not_mend(self, worker: WorkerStatus) -> None:
        assert live(status_of(worker)).is_ok

    def test_all_have_ended(self) -> None:
        assert live(status_of(ended(0, has_left=True), ended(1, has_left=False))).reasons == (
            "All workers have ended.",
        )
        assert live(status_of(ended(0, has_left=False), running(1))).is_ok

    def test_before_there_are_workers(self) -> None:
        assert live(status_of()).is_ok


class TestReady:
    def test_waiting_worker_names_attempt_and_holder(self) -> None:
        assert ready(status_of(waiting())).reasons == (
            "Worker 0 (flights-0) waits for its seat, attempt 3 of 120: the seat is held by box2 (pid 7), since 10:00,"
            " client id flights-0@box2#1-aa.",
        )

    def test_fenced_worker_that_has_not_looked_yet(self) -> None:
        found = ready(status_of(running(state=WorkerState.FAILED, fence=Fence("", 0, 120))))
        assert found.reasons == ("Worker 0 (flights-0) was fenced: another process has joined with its instance id.",)

    @pytest.mark.parametrize(
        ("holder", "named"), [(("", "x@box#1-a"), "held by x@box#1-a."), (("", ""), "held by somebody unknown.")]
    )
    def test_holder_of_whom_little_is_known(self, holder: tuple[str, str], named: str) -> None:
        found = ready(status_of(waiting(fence=Fence("held", 1, 2, *holder))))
        assert found.reasons[0].endswith(named)

    @pytest.mark.parametrize(
        ("worker", "reason"),
        [
            (running(state=WorkerState.STARTING), "Worker 0 (flights-0) is starting."),
            (running(state=None, group_instance_id=None), "Worker 0 has no process."),
            (running(has_ended=True), "Worker 0 (flights-0) has ended and is not started again."),
            (running(beat_age=7.0), "Worker 0 (flights-0) does not turn its event loop: blocked for 7 s."),
        ],
    )
    def test_worker_that_does_not_work(self, worker: WorkerStatus, reason: str) -> None:
        assert ready(status_of(worker, running(1))).reasons == (reason,)

    def test_heartbeats_not_answered_for_a_session(self) -> None:
        assert ready(status_of(running(heartbeat_age=45.0))).is_ok
        (reason,) = ready(status_of(running(heartbeat_age=46.0))).reasons
        assert "no heartbeat answered for 46 s, longer than the session timeout of 45 s" in reason

    def test_stopping_supervisor(self) -> None:
        assert ready(status_of(running(), is_stopping=True)).reasons == ("The supervisor is stopping.",)

    def test_worker_that_left_counts_no_more_while_others_run(self) -> None:
        assert ready(status_of(running(0), ended(1, has_left=True))).is_ok
        assert ready(status_of(ended(0, has_left=True))).reasons == ("Worker 0 (flights-0) has left its group.",)

    def test_before_there_are_workers(self) -> None:
        assert ready(status_of()).reasons == ("No worker has been started yet.",)


def test_worker_that_may_not_emit_is_live_and_not_ready() -> None:
    status = status_of(running(may_emit=False))
    assert live(status).is_ok
    (reason,) = ready(status).reasons
    assert reason.startswith("Worker 0 (flights-0) emits nothing until")


class TestShadowing:
    def test_warm_is_ready(self) -> None:
        assert ready(status_of(shadowing(ShadowState.WARM))).is_ok

    @pytest.mark.parametrize("state", sorted(set(ShadowState) - {ShadowState.WARM}))
    def test_anything_else_is_not_and_says_why(self, state: ShadowState) -> None:
        assert ready(status_of(shadowing(state, "Something is wrong."))).reasons == (
            f"Worker 0 (flights-0) cannot take a seat over yet ({state}). Something is wrong.",
        )

    def test_one_that_has_just_begun(self) -> None:
        assert ready(status_of(running(state=WorkerState.SHADOWING))).reasons == (
            "Worker 0 (flights-0) has just begun to shadow.",
        )

    def test_without_a_problem_the_sentence_ends_there(self) -> None:
        (reason,) = ready(status_of(shadowing(ShadowState.STARTING))).reasons
        assert reason == "Worker 0 (flights-0) cannot take a seat over yet (starting)."

    @pytest.mark.parametrize("state", ShadowState)
    def test_started_and_live_it_is_in_any_case(self, state: ShadowState) -> None:
        status = status_of(shadowing(state, "Something is wrong.", was_running=False))
        assert startup(status).is_ok
        assert live(status).is_ok

    def test_blocked_one_is_neither_live_nor_ready(self) -> None:
        status = status_of(shadowing(ShadowState.WARM, beat_age=7.0))
        assert live(status).reasons == ready(status).reasons
        assert not live(status).is_ok

    def test_heartbeats_of_the_standby_group_are_not_those_of_a_seat(self) -> None:
        assert ready(status_of(shadowing(ShadowState.WARM, heartbeat_age=600.0))).is_ok

    def test_one_that_has_ended_is_not_ready(self) -> None:
        ended_one = shadowing(ShadowState.WARM, has_ended=True)
        assert ready(status_of(ended_one)).reasons == ("Worker 0 (flights-0) has ended and is not started again.",)


class TestStartup:
    def test_every_worker_must_have_been_running(self) -> None:
        late = running(1, state=WorkerState.STARTING, was_running=False)
        assert startup(status_of(running(0), late)).reasons == (
            "Worker 1 (flights-1) has not been running yet; it is starting.",
        )

    def test_what_came_later_does_not_matter(self) -> None:
        assert startup(status_of(running(state=WorkerState.WAITING, fence=HELD), running(1, state=None))).is_ok

    def test_waiting_worker_names_its_holder(self) -> None:
        (reason,) = startup(status_of(waiting())).reasons
        assert "attempt 3 of 120" in reason

    def test_surplus_worker_that_left_before_it_ran(self) -> None:
        surplus = running(1, state=WorkerState.STOPPED, was_running=False, has_ended=True, has_left=True)
        assert startup(status_of(running(0), surplus)).is_ok

    def test_before_there_are_workers(self) -> None:
        assert not startup(status_of()).is_ok
