"""Who sits where, as the workers say it themselves: what the roster says; knows neither bytes nor time.

The roster of a group is the compacted topic `<group_id>-roster`. Partition `SEATS` holds one entry a seat, written by
the worker in it, and one for each worker of the standby group; partition `CONTROL` holds what workers have to heed:
what an operator asked for, and who shadows whom. A topic that was made with fewer partitions has both in one, which the
keys allow.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from framework.identity import Incarnation
from framework.states import SeatState, ShadowState

SEATS, CONTROL = 0, 1
PARTITIONS = 2

CLAIM_LASTS = 10.0
"""Seconds for which a claim keeps others from sitting down: by then its shadow is in the seat, or has died."""

STALE_AFTER = 10.0
"""Seconds, and at least five intervals of its writer, after which an entry that nobody renews is a dead one's."""

SITS_IN = "sits in "
"""What the reason begins with in the last word of a standby that takes a seat; the seat's name follows."""


def topic_name(group_id: str) -> str:
    """Name of the roster topic of a group."""
    return f"{group_id}-roster"


@dataclass(frozen=True, slots=True)
class Takeover:
    """How a process came into a seat that was another one's.

    Attributes:
        kind: `takeover` of a dead worker's seat, `handover` by order, `drill`.
        from_client_id: who had the seat before.
        silent_for: seconds since that one's last sign when it was decided, by the clock of the one that decided.
        took: seconds from the decision until the first record could be processed; None until then.
    """

    kind: str
    from_client_id: str
    silent_for: float
    took: float | None = None


@dataclass(frozen=True, slots=True)
class Shadowing:
    """What a worker of the standby group shadows.

    Attributes:
        group_id: the standby group.
        state: how well.
        problem: what is wrong, as a sentence for a person; empty where nothing is.
        failover_after: seconds of silence after which it takes a seat over.
        lags: `{seat: changelog records that it is behind}`; None where that is not known yet.
    """

    group_id: str
    state: ShadowState
    problem: str = ""
    failover_after: float = 3.0
    lags: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a worker says of itself.

    Attributes:
        group_instance_id: its seat.
        client_id: its incarnation as the broker shows it in DescribeGroups.
        incarnation: host, process id, start, suffix.
        state: what it is doing in its seat.
        since_ms: when that state began, milliseconds since 1970 by its own clock.
        service: its service.
        ordinal: its number among its replicas, or None.
        interval: seconds between its entries.
        role: `primary` for a process in a seat of the group, `standby` for one of the standby group.
        generation_id: of the group when it joined last; -1 before.
        member_id: given by the broker when it joined last; empty before.
        assignment: `{topic: partitions}` as it joined last.
        heartbeat_age: seconds since a heartbeat was answered; None before the first.
        reason: why it stops; empty while it does not.
        boot_id: of its machine, see `identity.boot_id`; empty where it is not known.
        standby_id: its instance id in the standby group, if it has come into the seat from there; empty at home.
        lease: seconds after its last confirmed sign of life at which it stops emitting by itself; 0 if it does not.
        successor: client id of the one that it hands its seat over to; empty where it does not.
        uncommitted: records that it had finished and not committed when it ended in a drill.
        takeover: how it came into a seat that was another one's; None if it did not.
        shadowing: what a standby does; None for a primary.
    """

    group_instance_id: str
    client_id: str
    incarnation: Incarnation
    state: SeatState
    since_ms: int
    service: str
    ordinal: int | None = None
    interval: float = 1.0
    role: str = "primary"
    generation_id: int = -1
    member_id: str = ""
    assignment: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    heartbeat_age: float | None = None
    reason: str = ""
    boot_id: str = ""
    standby_id: str = ""
    lease: float = 0.0
    successor: str = ""
    uncommitted: int = 0
    takeover: Takeover | None = None
    shadowing: Shadowing | None = None

    @property
    def is_standby(self) -> bool:
        """Whether it is a worker of the standby group: its key is no seat of this group."""
        return self.role == "standby"

    @property
    def is_waited_for(self) -> bool:
        """Whether others wait only some seconds for its word: it is shadowed, or shadows."""
        return self.lease > 0 or self.is_standby

    @property
    def stale_after(self) -> float:
        """Seconds without a new entry after which this one counts as a dead process's."""
        return max(STALE_AFTER, 5 * self.interval)


@dataclass(frozen=True, slots=True)
class GaveUp:
    """A process that ended because another one had its seat. Its supervisor ends with it, and with that all memory.

    Attributes:
        group_instance_id: the seat.
        host: the machine of the one that gave up.
        holder_client_id: the incarnation that had the seat.
    """

    group_instance_id: str
    host: str
    holder_client_id: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `framework scale` wrote last.

    Attributes:
        count: how many workers the group is to have.
        surplus: seats that are to be left now.
    """

    count: int
    surplus: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Watch:
    """A worker of the standby group says which seats it shadows, so that those in them know.

    Attributes:
        standby_id: its instance id in the standby group.
        seats: what it shadows.
        failover_after: seconds of silence after which it takes one over.
    """

    standby_id: str
    seats: frozenset[str]
    failover_after: float


class OrderKind(StrEnum):
    """What an operator may ask of whoever sits in a seat."""

    HANDOVER = "handover"
    DRILL = "drill"


@dataclass(frozen=True, slots=True)
class Order:
    """Somebody asks the process in a seat to let a shadow sit down.

    Attributes:
        seat: which.
        kind: hand it over, or die without a word.
        owner: client id of the process that is meant; nobody else obeys.
        successor: client id of the shadow that is to sit down.
    """

    seat: str
    kind: OrderKind
    owner: str
    successor: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A shadow is about to sit down in a seat whose owner is dead; written before it joins.

    Attributes:
        seat: which.
        standby_id: its instance id in the standby group.
        client_id: of its process.
    """

    seat: str
    standby_id: str
    client_id: str


@dataclass(frozen=True, slots=True)
class Restarting:
    """A supervisor has started the next process for a seat; it is loading.

    Attributes:
        seat: which.
        client_id: of the process that is about to come.
    """

    seat: str
    client_id: str
