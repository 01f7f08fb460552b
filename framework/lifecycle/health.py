"""What a probe answers, from what the supervisor knows: live, ready, started; pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from framework.lifecycle.status import Fence, Status, WorkerStatus
from framework.states import AT_WORK, ShadowState, WorkerState

BLOCKED_AFTER = 5.0
"""Seconds without a turn of its event loop after which a worker counts as blocked."""

_HAS_NO_PROCESS = frozenset({None, WorkerState.STOPPED, WorkerState.FAILED})


@dataclass(frozen=True, slots=True)
class Health:
    """The answer to one question.

    Attributes:
        is_ok: whether all is well.
        reasons: a sentence for each thing that is not; each names its worker.
    """

    is_ok: bool
    reasons: tuple[str, ...] = ()


def live(status: Status) -> Health:
    """Whether a restart of the whole would not help: no worker is blocked, and not all have ended.

    A worker that waits for its seat or for a broker is live: the next process would wait just as long.
    """
    if status.workers and all(worker.has_ended for worker in status.workers):
        return _health(["All workers have ended."])
    return _health(_blocked(worker) for worker in status.workers)


def ready(status: Status) -> Health:
    """Whether every worker does its work: owns its seat and is heard by its broker, or keeps one warm."""
    if not status.workers:
        return _health([_NONE_YET])
    stopping = "The supervisor is stopping." if status.is_stopping else None
    return _health([stopping, *(why for worker in _counted(status) for why in _not_ready(worker, status))])


def startup(status: Status) -> Health:
    """Whether every worker has once been running."""
    if not status.workers:
        return _health([_NONE_YET])
    return _health(_not_started(worker) for worker in _counted(status))


def name(worker: WorkerStatus) -> str:
    """A worker as a sentence calls it: `Worker 0 (flights-0)`."""
    seat = f" ({worker.group_instance_id})" if worker.group_instance_id else ""
    return f"Worker {worker.slot}{seat}"


_NONE_YET = "No worker has been started yet."


def _health(reasons: Iterable[str | None]) -> Health:
    found = tuple(reason for reason in reasons if reason is not None)
    return Health(is_ok=not found, reasons=found)


def _counted(status: Status) -> tuple[WorkerStatus, ...]:
    """All but those that left their group, as long as others have not."""
    return tuple(worker for worker in status.workers if not worker.has_left) or status.workers


def _not_ready(worker: WorkerStatus, status: Status) -> Iterator[str | None]:
    if worker.has_ended or worker.has_left or worker.fence is not None or worker.state not in AT_WORK:
        yield f"{name(worker)} {_what_it_does(worker)}."
    elif worker.state is WorkerState.SHADOWING:
        yield _not_warm(worker)
    elif not worker.may_emit:
        yield f"{name(worker)} emits nothing until group and roster confirm it again: its shadow may have its seat."
    yield _blocked(worker)
    age = worker.heartbeat_age
    if worker.state is WorkerState.RUNNING and age is not None and age > status.session_timeout:
        yield (
            f"{name(worker)} has had no heartbeat answered for {age:.0f} s, longer than the session timeout of"
            f" {status.session_timeout:g} s: the broker may have given its seat away."
        )


def _not_warm(worker: WorkerStatus) -> str | None:
    shadowing = worker.shadowing
    if shadowing is None:
        return f"{name(worker)} has just begun to shadow."
    if shadowing.state is ShadowState.WARM:
        return None
    return f"{name(worker)} cannot take a seat over yet ({shadowing.state}). {shadowing.problem}".rstrip()


def _not_started(worker: WorkerStatus) -> str | None:
    if worker.state is WorkerState.SHADOWING:
        return None
    return None if worker.was_running else f"{name(worker)} has not been running yet; it {_what_it_does(worker)}."


def _blocked(worker: WorkerStatus) -> str | None:
    age = worker.beat_age
    if worker.has_ended or worker.state in _HAS_NO_PROCESS or age is None or age <= BLOCKED_AFTER:
        return None
    return f"{name(worker)} does not turn its event loop: blocked for {age:.0f} s."


def _what_it_does(worker: WorkerStatus) -> str:
    if worker.has_left:
        return "has left its group"
    if worker.has_ended:
        return "has ended and is not started again"
    if worker.fence is not None:
        return _fenced(worker.fence)
    if worker.state is None:
        return "has no process"
    return f"is {worker.state}"


def _fenced(fence: Fence) -> str:
    if not fence.verdict:
        return "was fenced: another process has joined with its instance id"
    holder = fence.holder or fence.holder_client_id or "somebody unknown"
    return f"waits for its seat, attempt {fence.attempt} of {fence.limit}: the seat is held by {holder}"
