"""What a supervisor knows about its workers, as data: for probes, `/status` and the commands; decides nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from framework.membership.roster import Shadowing
from framework.states import WorkerState


@dataclass(frozen=True, slots=True)
class Rebalance:
    """The last time a worker joined its group.

    Attributes:
        reason: why it joined.
        duration: seconds from taking no new work to having the assignment.
        generation_id: of the group since then.
        ended_ms: when it ended, milliseconds since 1970.
    """

    reason: str
    duration: float
    generation_id: int
    ended_ms: int


@dataclass(frozen=True, slots=True)
class Fence:
    """A worker that does not get its seat.

    Attributes:
        verdict: `held` or `superseded`; empty where it was fenced and has not looked yet.
        attempt: number of the last look, from 1.
        limit: looks after which it gives up.
        holder: who has the seat, for a person: host, pid, since, client id; empty where unknown.
        holder_client_id: the same for machines.
    """

    verdict: str
    attempt: int
    limit: int
    holder: str = ""
    holder_client_id: str = ""


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker as its supervisor knows it.

    Attributes:
        slot: its number, from 0.
        state: of its process; None while there is none.
        pid: of its process; None while there is none.
        restarts: how often it was started again after a crash.
        group_id: its group; None until it has loaded its app.
        group_instance_id: its seat; None before, and for a dynamic member.
        client_id: its incarnation as the broker shows it.
        source: where its identity came from.
        member_id: given by the broker.
        assignment: `{topic: partitions}`.
        heartbeat_age: seconds since a heartbeat was answered; None before the first.
        beat_age: seconds since its event loop was last seen to turn; None before it starts.
        in_flight: records in process.
        may_emit: whether its lease is held; without a shadow it always is.
        was_running: whether it has ever been running.
        has_ended: whether it has ended for good.
        has_left: whether it holds no seat any more for good: the broker has confirmed that it left, it was
            scaled away, or it only waited.
        fence: why it does not get its seat, if so.
        shadowing: what it shadows and how well, if so.
        shadow_lags: `{"topic/partition": changelog records behind}`; None where that is not known yet.
        rebalance: how it joined last.
    """

    slot: int
    state: WorkerState | None = None
    pid: int | None = None
    restarts: int = 0
    group_id: str | None = None
    group_instance_id: str | None = None
    client_id: str | None = None
    source: str | None = None
    member_id: str | None = None
    assignment: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    heartbeat_age: float | None = None
    beat_age: float | None = None
    in_flight: int = 0
    may_emit: bool = True
    was_running: bool = False
    has_ended: bool = False
    has_left: bool = False
    fence: Fence | None = None
    shadowing: Shadowing | None = None
    shadow_lags: Mapping[str, int | None] = field(default_factory=dict)
    rebalance: Rebalance | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """A supervisor at one moment.

    Attributes:
        target: `MODULE:APP`.
        pid: its process id.
        host: its machine.
        role: what its workers were started as: `primary` or `standby`.
        uptime: seconds since it was started.
        is_stopping: whether it has been asked to stop.
        session_timeout: seconds.
        workers: in the order of their slots.
    """

    target: str
    pid: int
    host: str
    role: str
    uptime: float
    is_stopping: bool
    session_timeout: float
    workers: tuple[WorkerStatus, ...]
