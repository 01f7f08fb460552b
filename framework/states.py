"""The state machines: each is an enum whose docstring is its table, with the moves that may follow; pure."""

from collections.abc import Mapping
from enum import StrEnum

from framework.errors import FrameworkError


class IllegalTransitionError(FrameworkError):
    """Raised when a state machine is told to make a move that its table does not have; a bug of the framework."""


class WorkerState(StrEnum):
    """The life of one worker process.

    | state | meaning | may be followed by |
    |---|---|---|
    | loading | the app's module is being imported | loaded, failed, stopped |
    | loaded | ready to start; waits until its predecessor has gone | connecting, failed, stopped |
    | connecting | waits for a broker, looks who holds the seat | waiting, shadowing, starting, failed, stopped |
    | waiting | outside the group, until the seat is free | shadowing, starting, failed, stopped |
    | shadowing | in the standby group: keeps the tables of seats warm | starting, stopping, failed |
    | starting | joins the group, recovers tables | running, stopping, failed |
    | running | owns its partitions and processes | stopping, failed |
    | stopping | takes no new work, finishes what is in flight, commits | stopped, failed |
    | stopped | ended as asked | |
    | failed | ended with an error | |
    """

    LOADING = "loading"
    LOADED = "loaded"
    CONNECTING = "connecting"
    WAITING = "waiting"
    SHADOWING = "shadowing"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


NEXT: Mapping[WorkerState, frozenset[WorkerState]] = {
    WorkerState.LOADING: frozenset({WorkerState.LOADED, WorkerState.FAILED, WorkerState.STOPPED}),
    WorkerState.LOADED: frozenset({WorkerState.CONNECTING, WorkerState.FAILED, WorkerState.STOPPED}),
    WorkerState.CONNECTING: frozenset(
        {
            WorkerState.WAITING,
            WorkerState.SHADOWING,
            WorkerState.STARTING,
            WorkerState.FAILED,
            WorkerState.STOPPED,
        }
    ),
    WorkerState.WAITING: frozenset(
        {WorkerState.SHADOWING, WorkerState.STARTING, WorkerState.FAILED, WorkerState.STOPPED}
    ),
    WorkerState.SHADOWING: frozenset({WorkerState.STARTING, WorkerState.STOPPING, WorkerState.FAILED}),
    WorkerState.STARTING: frozenset({WorkerState.RUNNING, WorkerState.STOPPING, WorkerState.FAILED}),
    WorkerState.RUNNING: frozenset({WorkerState.STOPPING, WorkerState.FAILED}),
    WorkerState.STOPPING: frozenset({WorkerState.STOPPED, WorkerState.FAILED}),
    WorkerState.STOPPED: frozenset(),
    WorkerState.FAILED: frozenset(),
}


def move(current: WorkerState, to: WorkerState) -> WorkerState:
    """Return `to` if the table allows the move.

    Raises:
        IllegalTransitionError: it does not.
    """
    if to not in NEXT[current]:
        raise IllegalTransitionError(f"A worker cannot go from {current} to {to}.")
    return to


AT_WORK = frozenset({WorkerState.RUNNING, WorkerState.SHADOWING})
"""States in which the process does what it is there for."""

HAS_JOINED = frozenset({WorkerState.SHADOWING, WorkerState.STARTING, WorkerState.RUNNING, WorkerState.STOPPING})
"""States in which the process may be a member of a group, so that ending it takes more than ending it."""


class SeatState(StrEnum):
    """What the roster says of the process that sat down last in a seat.

    | state | meaning | may be followed by |
    |---|---|---|
    | starting | about to join or recovering tables | running, stopping |
    | running | owns its partitions | stopping |
    | stopping | finishes what is in flight and commits | stopped, left |
    | stopped | gone, the seat is kept for whoever comes | |
    | left | gone, the seat was given up | |

    A process that died without a word, or that its supervisor replaces, stays in the state it had: its entry is renewed
    by its successor or grows old.
    """

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    LEFT = "left"


GONE = frozenset({SeatState.STOPPED, SeatState.LEFT})
"""States after which the process holds its seat no longer."""


class ShadowState(StrEnum):
    """How well a worker of the standby group protects the seats that it shadows.

    | state | meaning | ready |
    |---|---|---|
    | starting | has joined the standby group, or is about to; knows nothing yet | no |
    | no primary | no worker of the primary group has ever been seen | no |
    | no seat | there is no seat for it to shadow | no |
    | different | its tables are not those of the primary group: it never takes over | no |
    | deaf | cannot read or write the roster just now: it decides nothing | no |
    | warming | applies what was written before it came, or is further behind than it may be | no |
    | warm | a takeover replays only what was written in the last moment | yes |

    Any state may follow any other: it is told anew from what is seen.
    """

    STARTING = "starting"
    NO_PRIMARY = "no primary"
    NO_SEAT = "no seat"
    DIFFERENT = "different"
    DEAF = "deaf"
    WARMING = "warming"
    WARM = "warm"


class StopReason(StrEnum):
    """Why a worker stops; decided once, where the reason arises, and carried from there."""

    INTERRUPT = "interrupt"
    TERMINAL = "interrupt from a terminal"
    LEAVE = "asked to leave"
    SCALED_DOWN = "scaled down"
    RESTART = "restart"
    HANDOVER = "handover"
    DRILL = "drill"
    SUPERVISOR_GONE = "supervisor gone"
