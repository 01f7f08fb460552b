"""Decode the records of `__consumer_offsets`; bytes in, frozen values out, no Kafka client.

The layouts are those of Apache Kafka 4.3's `GroupMetadataKey/Value` and `OffsetCommitKey/Value` message schemas, and of
`ConsumerProtocolSubscription/Assignment` inside a member.
"""

from dataclasses import dataclass

from tests.support.cursor import Cursor

OFFSET_COMMIT_KEYS = (0, 1)
GROUP_METADATA_KEY = 2
FIRST_FLEXIBLE_VERSION = 4


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a group, as the coordinator stored it.

    Attributes:
        member_id: given by the broker at each join.
        group_instance_id: the static identity, or None for a dynamic member.
        client_id: what the client calls itself.
        topics: the topics it subscribed to.
        assigned: {(topic, partition)} it was given.
    """

    member_id: str
    group_instance_id: str | None
    client_id: str
    topics: tuple[str, ...]
    assigned: frozenset[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """The state of a group after a rebalance, a static replacement or a departure.

    Attributes:
        group_id: the consumer group.
        generation: grows by one with each completed rebalance.
        protocol: the chosen assignor, or None for an empty group.
        leader: member id of the leader, or None.
        members: everyone in the group; empty also where the group was deleted.
        timestamp: wall clock of the broker, seconds.
    """

    group_id: str
    generation: int
    protocol: str | None
    leader: str | None
    members: tuple[Member, ...]
    timestamp: float


@dataclass(frozen=True, slots=True)
class CommitRecord:
    """One committed offset; `offset` is None where the commit was deleted (a tombstone)."""

    group_id: str
    topic: str
    partition: int
    offset: int | None
    timestamp: float


Record = GroupRecord | CommitRecord


def decode(key: bytes | None, value: bytes | None, timestamp: float = 0.0) -> Record | None:
    """Decode one record of `__consumer_offsets`.

    Args:
        key: raw key of the record.
        value: raw value; None is a tombstone.
        timestamp: of the Kafka record, seconds; a commit carries a better one of its own.

    Returns:
        The group's state or the commit, or None for any other kind of record (newer group types).

    Raises:
        ValueError: the version of a value is not known.
    """
    if not key:
        return None
    cursor = Cursor(key)
    kind = cursor.int16()
    if kind in OFFSET_COMMIT_KEYS:
        return _commit(cursor, value, timestamp)
    if kind == GROUP_METADATA_KEY:
        return _group(cursor.text(), value, timestamp)
    return None


def _commit(key: Cursor, value: bytes | None, timestamp: float) -> CommitRecord:
    group_id, topic, partition = key.text(), key.text(), key.int32()
    if value is None:
        return CommitRecord(group_id, topic, partition, None, timestamp)
    cursor = _versioned(value)
    offset = cursor.int64()
    if cursor.version >= 3:
        cursor.int32()  # leader epoch
    cursor.text()  # metadata
    return CommitRecord(group_id, topic, partition, offset, cursor.int64() / 1000)


def _group(group_id: str, value: bytes | None, timestamp: float) -> GroupRecord:
    if value is None:
        return GroupRecord(group_id, 0, None, None, (), timestamp)
    cursor = _versioned(value)
    cursor.text()  # protocol type
    generation, protocol, leader = cursor.int32(), cursor.nullable_text(), cursor.nullable_text()
    if cursor.version >= 2:
        cursor.int64()  # since when the group is in this state
    members = cursor.array(lambda: _member(cursor))
    return GroupRecord(group_id, generation, protocol, leader, members, timestamp)


def _member(cursor: Cursor) -> Member:
    member_id = cursor.text()
    group_instance_id = cursor.nullable_text() if cursor.version >= 3 else None
    client_id = cursor.text()
    cursor.text()  # client host
    if cursor.version >= 1:
        cursor.int32()  # rebalance timeout
    cursor.int32()  # session timeout
    topics, assigned = _subscription(cursor.data()), _assignment(cursor.data())
    cursor.skip_tags()
    return Member(member_id, group_instance_id, client_id, topics, assigned)


def _subscription(data: bytes) -> tuple[str, ...]:
    if not data:
        return ()
    cursor = Cursor(data)
    cursor.int16()  # version; newer ones only append fields
    return cursor.array(cursor.text)


def _assignment(data: bytes) -> frozenset[tuple[str, int]]:
    if not data:
        return frozenset()
    cursor = Cursor(data)
    cursor.int16()
    granted = cursor.array(lambda: (cursor.text(), cursor.array(cursor.int32)))
    return frozenset((topic, partition) for topic, partitions in granted for partition in partitions)


def _versioned(value: bytes) -> Cursor:
    """A cursor behind the two version bytes that every value starts with."""
    version = Cursor(value).int16()
    if not 0 <= version <= FIRST_FLEXIBLE_VERSION:
        raise ValueError(f"value version {version} is not known; look up its schema and extend this module")
    return Cursor(value, at=2, version=version, is_flexible=version >= FIRST_FLEXIBLE_VERSION)
