"""A consumer group as its coordinator describes it, and how a member got into it; plain data, asks nobody."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a group (DescribeGroups v4).

    Attributes:
        member_id: given by the broker.
        group_instance_id: its seat; None for a dynamic member.
        client_id: as the client calls itself; ours name their incarnation, see `Identity.client_id`.
        client_host: address that it connects from.
        assignment: `{topic: partitions}`; empty while the group rebalances.
        subscription: the topics it asked for.
        actives: `{topic: partitions}` that it works on, changelogs included; the rest of its assignment is what it only
            follows. Empty where the assignment is not one of Faust's.
    """

    member_id: str
    group_instance_id: str | None
    client_id: str
    client_host: str
    assignment: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    subscription: frozenset[str] = frozenset()
    actives: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """A group at one moment.

    Attributes:
        group_id: its id.
        state: the coordinator's word: Stable, PreparingRebalance, CompletingRebalance, Empty or Dead.
        members: who is in it, in the coordinator's order.
    """

    group_id: str
    state: str
    members: tuple[Member, ...] = ()

    @property
    def is_stable(self) -> bool:
        """Whether every member has its assignment."""
        return self.state == "Stable"

    @property
    def exists(self) -> bool:
        """Whether the coordinator knows it: a Dead group is one that never was, or is gone."""
        return self.state != "Dead"

    def in_seat(self, group_instance_id: str) -> Member | None:
        """The member that holds a seat."""
        return next((member for member in self.members if member.group_instance_id == group_instance_id), None)

    @property
    def seats(self) -> frozenset[str]:
        """Instance ids of the static members."""
        return frozenset(m.group_instance_id for m in self.members if m.group_instance_id is not None)


@dataclass(frozen=True, slots=True)
class Joined:
    """A join of this worker that is complete.

    Attributes:
        member_id: given by the broker.
        generation_id: of the group from now on.
        assignment: `{topic: partitions}`, as ordinary Kafka tools show it.
        reason: why it joined.
        duration: seconds from taking no new work to having the assignment.
        ended_ms: when that was, milliseconds since 1970.
    """

    member_id: str
    generation_id: int
    assignment: Mapping[str, tuple[int, ...]]
    reason: str
    duration: float
    ended_ms: int
