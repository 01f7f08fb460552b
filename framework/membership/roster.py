"""Who sits where, as the workers say it themselves: what the roster says; knows neither bytes nor time.

The roster of a group is the compacted topic `<group_id>-roster`. Partition `SEATS` holds one entry a seat, written by
the worker in it; partition `CONTROL` holds what an operator asked for. A topic that was made with fewer partitions has
both in one, which the keys allow.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from framework.identity import Incarnation
from framework.states import SeatState

SEATS, CONTROL = 0, 1
PARTITIONS = 2

STALE_AFTER = 10.0
"""Seconds, and at least five intervals of its writer, after which an entry that nobody renews is a dead one's."""


def topic_name(group_id: str) -> str:
    """Name of the roster topic of a group."""
    return f"{group_id}-roster"


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
        role: `primary`.
        generation_id: of the group when it joined last; -1 before.
        member_id: given by the broker when it joined last; empty before.
        assignment: `{topic: partitions}` as it joined last.
        heartbeat_age: seconds since a heartbeat was answered; None before the first.
        reason: why it stops; empty while it does not.
        boot_id: of its machine, see `identity.boot_id`; empty where it is not known.
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
