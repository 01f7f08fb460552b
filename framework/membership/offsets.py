"""How far a group is behind: the records and the requests for it; knows no members."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.offset import OffsetRequest

_LATEST = -1
_ANY_REPLICA = -1
_READ_UNCOMMITTED = 0


class Partition(NamedTuple):
    """One partition of a topic; equal to aiokafka's `TopicPartition`."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a group has come in a partition.

    Attributes:
        committed: next offset to process; None where nothing was ever committed.
        end: offset of the next record to be written; None where the leader did not say.
    """

    committed: int | None
    end: int | None

    @property
    def lag(self) -> int | None:
        """Records between the two; None where one of them is unknown."""
        if self.committed is None or self.end is None:
            return None
        return max(0, self.end - self.committed)


def metadata_request(topics: Iterable[str]) -> MetadataRequest:
    """Ask where topics live, without creating those that do not exist."""
    return MetadataRequest(sorted(topics), allow_auto_topic_creation=False)


def leaders_in(response: Any) -> Mapping[Partition, int]:
    """`{partition: node id of its leader}`, -1 for none; topics that do not exist are missing."""
    return {
        Partition(topic["topic"], found["partition"]): found["leader"]
        for topic in response.to_object()["topics"]
        if not topic["error_code"]
        for found in topic["partitions"]
    }


def committed_request(group_id: str, partitions: Iterable[Partition]) -> OffsetFetchRequest:
    """Ask a coordinator for the offsets that a group has committed."""
    return OffsetFetchRequest(group_id, list(_by_topic(partitions).items()))


def committed_in(response: Any) -> Mapping[Partition, int]:
    """`{partition: next offset to process}`; those without a commit are missing."""
    return {
        Partition(topic["topic"], found["partition"]): found["offset"]
        for topic in response.to_object()["topics"]
        for found in topic["partitions"]
        if found["offset"] >= 0
    }


def ends_requests(leaders: Mapping[Partition, int]) -> Mapping[int, OffsetRequest]:
    """`{node id: question for the ends of the partitions it leads}`."""
    of_node: dict[int, list[Partition]] = defaultdict(list)
    for partition, node in leaders.items():
        if node >= 0:
            of_node[node].append(partition)
    return {
        node: OffsetRequest(
            _ANY_REPLICA,
            _READ_UNCOMMITTED,
            [(topic, [(number, _LATEST) for number in numbers]) for topic, numbers in _by_topic(partitions).items()],
        )
        for node, partitions in of_node.items()
    }


def ends_in(response: Any) -> Mapping[Partition, int]:
    """`{partition: offset of the next record}`; those that the broker does not lead any more are missing."""
    return {
        Partition(topic["topic"], found["partition"]): found["offset"]
        for topic in response.to_object()["topics"]
        for found in topic["partitions"]
        if not found["error_code"]
    }


def _by_topic(partitions: Iterable[Partition]) -> Mapping[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for topic, number in sorted(partitions):
        found[topic].append(number)
    return found
