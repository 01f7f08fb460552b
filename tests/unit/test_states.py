"""The life of a worker: each move that its table allows, and no other."""

import itertools

import pytest

from framework.states import HAS_JOINED, NEXT, IllegalTransitionError, StopReason, WorkerState, move

TABLE = {
    "loading": {"loaded", "failed", "stopped"},
    "loaded": {"connecting", "failed", "stopped"},
    "connecting": {"waiting", "shadowing", "starting", "failed", "stopped"},
    "waiting": {"shadowing", "starting", "failed", "stopped"},
    "shadowing": {"starting", "stopping", "failed"},
    "starting": {"running", "stopping", "failed"},
    "running": {"stopping", "failed"},
    "stopping": {"stopped", "failed"},
    "stopped": set(),
    "failed": set(),
}

ENDS = {WorkerState.STOPPED, WorkerState.FAILED}


def documented() -> dict[str, set[str]]:
    """The table in the docstring, as `{state: those that may follow}`."""
    rows = [line.strip().strip("|").split("|") for line in (WorkerState.__doc__ or "").splitlines() if "|" in line]
    return {
        state.strip(): {follower.strip() for follower in followers.split(",") if follower.strip()}
        for state, _, followers in rows[2:]
    }


@pytest.mark.parametrize(("current", "to"), list(itertools.product(WorkerState, WorkerState)))
def test_move(current: WorkerState, to: WorkerState) -> None:
    if to in TABLE[current]:
        assert move(current, to) is to
    else:
        with pytest.raises(IllegalTransitionError, match=f"from {current} to {to}"):
            move(current, to)


def test_the_docstring_tells_the_truth() -> None:
    assert documented() == TABLE
    assert {state: set(followers) for state, followers in NEXT.items()} == TABLE


def test_each_state_that_is_no_end_may_fail() -> None:
    assert all(WorkerState.FAILED in NEXT[state] for state in WorkerState if state not in ENDS)
    assert {state for state in WorkerState if not NEXT[state]} == ENDS


def test_a_worker_that_has_joined_cannot_just_be_gone() -> None:
    assert all(WorkerState.STOPPED not in NEXT[state] or state is WorkerState.STOPPING for state in HAS_JOINED)


def test_states_and_reasons_are_their_own_text() -> None:
    assert str(WorkerState.RUNNING) == "running"
    assert str(StopReason.SUPERVISOR_GONE) == "supervisor gone"
