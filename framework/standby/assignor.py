"""The assignor of the standby group: each member is granted what it asks for; knows nothing of seats and tables.

Two members may be granted the same partition: they shadow it both, and commits say how far each group member is.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

Partitions = Mapping[str, tuple[int, ...]]
"""`{topic: partitions in order}`"""

VERSION = 0
"""Of the consumer protocol's metadata and assignment."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a member asks for in its user data.

    Attributes:
        partitions: to be granted.
        nonce: makes the bytes of one join differ from those of another.
    """

    partitions: Partitions = field(default_factory=dict)
    nonce: str = ""

    def dumps(self) -> bytes:
        """As user data."""
        return orjson.dumps({"wishes": self.partitions, "nonce": self.nonce})

    @classmethod
    def loads(cls, user_data: bytes) -> "Wish":
        """Read it; a member whose user data cannot be read wishes for nothing."""
        try:
            found = orjson.loads(user_data)
            return cls(ordered(found["wishes"]), str(found["nonce"]))
        except (ValueError, LookupError, TypeError, AttributeError):
            return cls()


def ordered(partitions: Mapping[str, Iterable[int]]) -> Partitions:
    """The same in one form; topics without a partition are left out.

    Raises:
        ValueError, TypeError, AttributeError: they are no such thing.
    """
    found = {str(topic): tuple(sorted({int(each) for each in numbers})) for topic, numbers in partitions.items()}
    return {topic: found[topic] for topic in sorted(found) if found[topic]}


def granted(wish: Partitions, subscription: Iterable[str], counts: Mapping[str, int]) -> Partitions:
    """What of a wish can be had.

    Args:
        wish: what a member asks for.
        subscription: topics it has subscribed to.
        counts: `{topic: number of partitions}`; a topic that is missing does not exist.
    """
    topics = set(subscription)
    return ordered(
        {
            topic: [number for number in numbers if 0 <= number < counts.get(topic, 0)]
            for topic, numbers in wish.items()
            if topic in topics
        }
    )


class StandbyAssignor(AbstractPartitionAssignor):
    """Grants each member of the standby group the partitions that it names in its user data."""

    name = "framework-standby"

    def __init__(self) -> None:
        self._wish = Wish()

    def wish(self, partitions: Mapping[str, Iterable[int]]) -> None:
        """What to ask for from the next join on, `{topic: partitions}`."""
        self._wish = Wish(ordered(partitions))
        self.renew()

    @property
    def wished(self) -> Partitions:
        """What it asks for."""
        return self._wish.partitions

    def created_topics(self) -> tuple[()]:
        """None: whose partitions are not known yet gets less than it wishes for, and joins again."""
        return ()

    def renew(self) -> None:
        """Change the bytes of the next join, lest the broker answer from what it has stored."""
        self._wish = Wish(self._wish.partitions, uuid.uuid4().hex)

    def metadata(self, topics: Iterable[str]) -> Any:
        """What this member tells the leader."""
        return ConsumerProtocolMemberMetadata(VERSION, sorted(topics), self._wish.dumps())

    def assign(self, cluster: Any, members: Mapping[str, Any]) -> Any:
        """Grant as the group's leader; tells each member how many partitions there were."""
        topics = {topic for member in members.values() for topic in member.subscription}
        counts = {topic: len(found) for topic in topics if (found := cluster.partitions_for_topic(topic))}
        return {member_id: self._grant(member, counts) for member_id, member in members.items()}

    def _grant(self, member: Any, counts: Mapping[str, int]) -> Any:
        grant = granted(Wish.loads(member.user_data).partitions, member.subscription, counts)
        seen = {topic: counts[topic] for topic in member.subscription if topic in counts}
        assignment = [(topic, list(numbers)) for topic, numbers in grant.items()]
        return ConsumerProtocolMemberAssignment(VERSION, assignment, orjson.dumps({"partitions": seen}))

    def on_assignment(self, assignment: Any) -> None:
        """Called by aiokafka; whoever consumes hears of it from the consumer."""

    def why_unfit(self, assignment: Any, subscription: Iterable[str], partitions: Mapping[str, int]) -> str | None:
        """Say why a grant does not fit this member any more; None if it does.

        A static member that comes back is handed the grant for what it wished before.
        """
        found = ordered(dict(assignment.assignment))
        if found == granted(self._wish.partitions, subscription, partitions):
            return None
        return "the grant was made for other wishes"

    def counts_in(self, assignment: Any) -> Mapping[str, int]:
        """`{topic: number of partitions}` as the leader saw them when it made a grant."""
        try:
            counts: Mapping[str, int] = orjson.loads(assignment.user_data)["partitions"]
        except (ValueError, LookupError, TypeError):
            return {}
        return counts
