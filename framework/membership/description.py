"""From the coordinator's description of a group to `Group`; pure, asks nobody."""

import zlib
from collections import defaultdict
from typing import Any, TypeVar

import orjson
from aiokafka.coordinator.protocol import ConsumerProtocol

from framework.membership.group import Group, Member

T = TypeVar("T")

NOT_FOUND = 69
"""GROUP_ID_NOT_FOUND: what newer versions of DescribeGroups say of a group that never was (KIP-1043)."""


def group_of(described: Any) -> Group:
    """Read one group of a DescribeGroups v4 answer.

    Members of another protocol than the consumers', and members whose bytes cannot be read, are there without topics.

    Args:
        described: `(error code, group id, state, protocol type, protocol, members, authorized operations)`.
    """
    code, group_id, state, protocol_type, _, members, _ = described
    if code == NOT_FOUND:
        return Group(group_id, "Dead")
    is_consumer = protocol_type == ConsumerProtocol.PROTOCOL_TYPE
    return Group(group_id, state, tuple(_member(found, is_consumer=is_consumer) for found in members))


def _member(found: Any, *, is_consumer: bool) -> Member:
    member_id, group_instance_id, client_id, client_host, metadata, assignment = found
    wish = _decoded(ConsumerProtocol.METADATA, metadata) if is_consumer else None
    grant = _decoded(ConsumerProtocol.ASSIGNMENT, assignment) if is_consumer else None
    return Member(
        member_id=member_id,
        group_instance_id=group_instance_id,
        client_id=client_id,
        client_host=client_host,
        assignment=_partitions(grant.assignment if grant is not None else None),
        subscription=frozenset(wish.subscription or () if wish is not None else ()),
        actives=_actives(grant.user_data if grant is not None else None),
    )


def _decoded(kind: Any, data: bytes | None) -> Any:
    """What a member wrote, or None: the bytes are empty while the group rebalances, and the member's own affair."""
    if not data:
        return None
    try:
        return kind.decode(data)
    except (ValueError, TypeError):
        return None


def _partitions(assignment: Any) -> dict[str, tuple[int, ...]]:
    found: dict[str, set[int]] = defaultdict(set)
    for topic, partitions in assignment or ():
        found[topic].update(partitions or ())
    return {topic: tuple(sorted(partitions)) for topic, partitions in found.items() if partitions}


def _actives(user_data: bytes | None) -> dict[str, tuple[int, ...]]:
    """What Faust's leader wrote beside the assignment: JSON, compressed (`faust/assignor/partition_assignor.py`)."""
    if not user_data:
        return {}
    try:
        assignment = orjson.loads(zlib.decompress(user_data))["assignment"]
        return _partitions(assignment["actives"].items())
    except (zlib.error, ValueError, LookupError, TypeError, AttributeError):
        return {}
