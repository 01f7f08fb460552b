"""What supervisor and worker say to each other over their pipe; knows no processes."""

import select
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import TypeAlias

from framework.exit_codes import ExitCode
from framework.identity import Incarnation, Role
from framework.lifecycle.status import Fence
from framework.membership.group import Joined
from framework.membership.roster import Shadowing
from framework.states import StopReason, WorkerState


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """Which worker to be.

    Attributes:
        target: `MODULE:APP`.
        slot: which of the supervisor's workers, from 0.
        slots: how many there are.
        folder: where to look for the module first.
        debug: whether a person wants tracebacks.
        role: primary or standby; None for what the app's settings say.
        announced: group and seat whose shadows are to be told that this process is loading; None: nobody is.
    """

    target: str
    slot: int = 0
    slots: int = 1
    folder: str = "."
    debug: bool = False
    role: Role | None = None
    announced: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """Worker to supervisor: it knows who it is."""

    group_id: str
    group_instance_id: str | None
    client_id: str
    source: str
    incarnation: Incarnation


@dataclass(frozen=True, slots=True)
class Reached:
    """Worker to supervisor: a broker has answered it."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """Worker to supervisor: the broker has let it into the group under this name; it may hold the seat from now on."""

    member_id: str


@dataclass(frozen=True, slots=True)
class Moved:
    """Worker to supervisor: it is in another state now."""

    state: WorkerState


@dataclass(frozen=True, slots=True)
class Beat:
    """Worker to supervisor, once a second: its event loop turns.

    Attributes:
        in_flight: records in process.
        heartbeat_age: seconds since a heartbeat was answered; None before the first.
        lease: seconds after a sign of life for which it may emit; 0 where no shadow watches over it.
        may_emit: whether its lease is held.
    """

    in_flight: int
    heartbeat_age: float | None = None
    lease: float = 0.0
    may_emit: bool = True


@dataclass(frozen=True, slots=True)
class Waiting:
    """Worker to supervisor: it has looked, and another process holds its seat."""

    fence: Fence


@dataclass(frozen=True, slots=True)
class Shadows:
    """Worker to supervisor: it shadows seats, this well.

    Attributes:
        shadowing: what the roster says too.
        lags: `{"topic/partition": changelog records behind}`; None where that is not known yet.
    """

    shadowing: Shadowing
    lags: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Promoted:
    """Worker to supervisor: it sits down in a seat that was another one's; the next process is to go on there."""

    seat: str


@dataclass(frozen=True, slots=True)
class Yielded:
    """Worker to supervisor: it ends, and a shadow has its seat next; the next process is to be the shadow."""


@dataclass(frozen=True, slots=True)
class Left:
    """Worker to supervisor: the broker has confirmed that it left its group."""


@dataclass(frozen=True, slots=True)
class Surplus:
    """Worker to supervisor: an operator scales it away; it stops, and is not to be started again."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Worker to supervisor: it ends with this code, and this is what to tell the person."""

    code: ExitCode
    message: str


@dataclass(frozen=True, slots=True)
class Go:
    """Supervisor to worker: the predecessor has gone, join.

    Attributes:
        is_handover: whether the predecessor has just been stopped for this one, so that the seat is ours for sure.
        lineage: client ids of the processes that this supervisor had in the seat before.
        members: member ids that those were given.
        fenced: the one of them that was fenced last, if nobody has got the seat back since.
        attempts: looks and fences since then.
        has_unanswered_join: whether the last of them ended while the broker had yet to answer its join.
        seat: the one that the last of them had taken over, to go on in; None for one's own.
        has_yielded: whether the last of them has let a shadow have the seat, so that this one shadows it.
        is_shadowed: whether shadows watched over the last of them, so that they have to be told that this one comes.
    """

    is_handover: bool = False
    lineage: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()
    fenced: Incarnation | None = None
    attempts: int = 0
    has_unanswered_join: bool = False
    seat: str | None = None
    has_yielded: bool = False
    is_shadowed: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """Supervisor to worker: end within `grace` seconds, or now: somebody has interrupted twice."""

    reason: StopReason
    grace: float
    now: bool = False


Report: TypeAlias = (
    Bound
    | Moved
    | Reached
    | Admitted
    | Joined
    | Beat
    | Waiting
    | Shadows
    | Promoted
    | Yielded
    | Left
    | Surplus
    | Failed
)
Command: TypeAlias = Go | Stop


class Link:
    """The worker's end of the pipe; a worker in the foreground has none and says nothing.

    Safe to use from several threads. Never blocks for longer than `PATIENCE`: a supervisor that was paused does not
    read, and that must not make its workers stand still.
    """

    PATIENCE = 1.0

    def __init__(self, connection: Connection | None = None) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    @property
    def is_attached(self) -> bool:
        """Whether there is a supervisor."""
        return self._connection is not None

    def say(self, report: Report) -> None:
        """Send to the supervisor; a supervisor that is gone is noticed by `listen`."""
        if self._connection is None or not self._lock.acquire(timeout=self.PATIENCE):
            return
        try:
            with suppress(OSError):
                patience = 0.0 if isinstance(report, Beat) else self.PATIENCE
                _, writable, _ = select.select([], [self._connection.fileno()], [], patience)
                if writable:
                    self._connection.send(report)
        finally:
            self._lock.release()

    def listen(self) -> Command | None:
        """Wait for the next command; None means that the supervisor is gone."""
        assert self._connection is not None, "a worker without a supervisor has nobody to listen to"
        try:
            command: Command = self._connection.recv()
        except (EOFError, OSError):
            return None
        return command
