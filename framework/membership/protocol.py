"""Group requests and answers that carry `group_instance_id`; knows bytes on the wire, and nothing of when to send them.

aiokafka sends Heartbeat v1, OffsetCommit v3 and LeaveGroup v1, none of which names the instance. A broker cannot fence
a member by such a request (KIP-345), so a replaced member never learns that it was replaced.
"""

from typing import ClassVar, TypeAlias

from aiokafka.errors import BrokerResponseError, kafka_errors
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.commit import OffsetCommitResponse_v3
from aiokafka.protocol.group import HeartbeatResponse_v1
from aiokafka.protocol.types import Array, Boolean, Bytes, Int16, Int32, Int64, Schema, String

_TEXT = String("utf-8")


class FencedInstanceIdError(BrokerResponseError):
    """Error 82: another member joined with this instance id (KIP-345)."""

    errno = 82
    message = "FENCED_INSTANCE_ID"
    description = "Another member of the group has the same group.instance.id."


class UnreleasedInstanceIdError(BrokerResponseError):
    """Error 111: the instance id is still held by another member (KIP-848)."""

    errno = 111
    message = "UNRELEASED_INSTANCE_ID"
    description = "The group.instance.id is still used by another member of the group."


def register_errors() -> None:
    """Teach aiokafka the two errors, which it would otherwise report as unknown. Safe to call again."""
    for error in (FencedInstanceIdError, UnreleasedInstanceIdError):
        kafka_errors[error.errno] = error


class HeartbeatRequest_v3(RequestStruct):
    """Heartbeat with the instance id; answered like v1."""

    API_KEY = 12
    API_VERSION = 3
    RESPONSE_TYPE = type("HeartbeatResponse_v3", (HeartbeatResponse_v1,), {"API_VERSION": 3})
    SCHEMA = Schema(
        ("group", _TEXT),
        ("generation_id", Int32),
        ("member_id", _TEXT),
        ("group_instance_id", _TEXT),
    )


class OffsetCommitRequest_v7(RequestStruct):
    """OffsetCommit with the instance id; retention went in v5, the leader epoch came in v6; answered like v3."""

    API_KEY = 8
    API_VERSION = 7
    RESPONSE_TYPE = type("OffsetCommitResponse_v7", (OffsetCommitResponse_v3,), {"API_VERSION": 7})
    SCHEMA = Schema(
        ("group", _TEXT),
        ("generation_id", Int32),
        ("member_id", _TEXT),
        ("group_instance_id", _TEXT),
        (
            "topics",
            Array(
                ("topic", _TEXT),
                (
                    "partitions",
                    Array(
                        ("partition", Int32),
                        ("offset", Int64),
                        ("leader_epoch", Int32),
                        ("metadata", _TEXT),
                    ),
                ),
            ),
        ),
    )


class LeaveGroupResponse_v3(Response):
    """One error for the request and one for each member."""

    API_KEY = 13
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("members", Array(("member_id", _TEXT), ("group_instance_id", _TEXT), ("error_code", Int16))),
    )


class LeaveGroupRequest_v3(RequestStruct):
    """LeaveGroup for a list of members, each named by member id, instance id or both."""

    API_KEY = 13
    API_VERSION = 3
    RESPONSE_TYPE = LeaveGroupResponse_v3
    SCHEMA = Schema(
        ("group", _TEXT),
        ("members", Array(("member_id", _TEXT), ("group_instance_id", _TEXT))),
    )


class DescribeGroupsResponse_v4(Response):
    """Groups with their members; v4 is the first that names the instances and the last without tagged fields."""

    API_KEY = 15
    API_VERSION = 4
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "groups",
            Array(
                ("error_code", Int16),
                ("group", _TEXT),
                ("state", _TEXT),
                ("protocol_type", _TEXT),
                ("protocol", _TEXT),
                (
                    "members",
                    Array(
                        ("member_id", _TEXT),
                        ("group_instance_id", _TEXT),
                        ("client_id", _TEXT),
                        ("client_host", _TEXT),
                        ("member_metadata", Bytes),
                        ("member_assignment", Bytes),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
    )


class DescribeGroupsRequest_v4(RequestStruct):
    """DescribeGroups for a list of groups; authorized operations came in v3."""

    API_KEY = 15
    API_VERSION = 4
    RESPONSE_TYPE = DescribeGroupsResponse_v4
    SCHEMA = Schema(("groups", Array(_TEXT)), ("include_authorized_operations", Boolean))


HeartbeatStruct: TypeAlias = HeartbeatRequest_v3
OffsetCommitStruct: TypeAlias = OffsetCommitRequest_v7
LeaveGroupStruct: TypeAlias = LeaveGroupRequest_v3
DescribeGroupsStruct: TypeAlias = DescribeGroupsRequest_v4


class StaticHeartbeatRequest(Request[HeartbeatStruct]):
    """Heartbeat of one seat."""

    API_KEY: ClassVar[int] = 12

    def __init__(self, group_id: str, generation_id: int, member_id: str, group_instance_id: str | None) -> None:
        self._fields = (group_id, generation_id, member_id, group_instance_id)

    def build(self, request_struct_class: type[HeartbeatStruct]) -> HeartbeatStruct:
        """Return the struct to send."""
        return request_struct_class(*self._fields)


class StaticOffsetCommitRequest(Request[OffsetCommitStruct]):
    """Commit of one seat: `{topic: [(partition, next offset, metadata)]}` as a list of pairs."""

    API_KEY: ClassVar[int] = 8
    NO_LEADER_EPOCH: ClassVar[int] = -1

    def __init__(
        self,
        group_id: str,
        generation_id: int,
        member_id: str,
        group_instance_id: str | None,
        topics: list[tuple[str, list[tuple[int, int, str]]]],
    ) -> None:
        self._seat = (group_id, generation_id, member_id, group_instance_id)
        self._topics = [
            (topic, [(partition, offset, self.NO_LEADER_EPOCH, text) for partition, offset, text in partitions])
            for topic, partitions in topics
        ]

    def build(self, request_struct_class: type[OffsetCommitStruct]) -> OffsetCommitStruct:
        """Return the struct to send."""
        return request_struct_class(*self._seat, self._topics)


class StaticLeaveGroupRequest(Request[LeaveGroupStruct]):
    """Give one seat up; with an empty member id, whoever sits in it is removed (KIP-345)."""

    API_KEY: ClassVar[int] = 13
    ANY_MEMBER: ClassVar[str] = ""

    def __init__(self, group_id: str, member_id: str, group_instance_id: str | None) -> None:
        self._fields = (group_id, [(member_id, group_instance_id)])

    def build(self, request_struct_class: type[LeaveGroupStruct]) -> LeaveGroupStruct:
        """Return the struct to send."""
        return request_struct_class(*self._fields)


class StaticDescribeGroupRequest(Request[DescribeGroupsStruct]):
    """Ask who is in one group, and in which seat."""

    API_KEY: ClassVar[int] = 15

    def __init__(self, group_id: str) -> None:
        self._group_id = group_id

    def build(self, request_struct_class: type[DescribeGroupsStruct]) -> DescribeGroupsStruct:
        """Return the struct to send."""
        return request_struct_class([self._group_id], False)
