"""The bytes of the requests that name the instance, written out by hand from the message definitions of Kafka 2.4."""

from typing import Any

import pytest
from aiokafka.errors import IncompatibleBrokerVersion, for_code

from framework.membership.protocol import (
    FencedInstanceIdError,
    StaticDescribeGroupRequest,
    StaticHeartbeatRequest,
    StaticLeaveGroupRequest,
    StaticOffsetCommitRequest,
    UnreleasedInstanceIdError,
    register_errors,
)

KAFKA_4 = {8: (2, 10), 12: (0, 4), 13: (0, 5), 15: (0, 6)}
KAFKA_2_3 = {8: (0, 6), 12: (0, 2), 13: (0, 2), 15: (0, 3)}
"""The last release before LeaveGroup v3; the others are set back with it, to what its predecessors spoke."""

HEARTBEAT = StaticHeartbeatRequest("flights", 5, "w-0-abc", "w-0")
DYNAMIC_HEARTBEAT = StaticHeartbeatRequest("flights", 5, "w-0-abc", None)
COMMIT = StaticOffsetCommitRequest("flights", 5, "w-0-abc", "w-0", [("departures", [(3, 259, "")])])
LEAVE = StaticLeaveGroupRequest("flights", "w-0-abc", "w-0")
REMOVE = StaticLeaveGroupRequest("flights", StaticLeaveGroupRequest.ANY_MEMBER, "w-0")
DESCRIBE = StaticDescribeGroupRequest("flights")


@pytest.mark.parametrize(
    ("request_", "api_key", "api_version", "wire"),
    [
        (
            HEARTBEAT,
            12,
            3,
            b"\x00\x07flights"  # group_id: int16 length, then the text
            b"\x00\x00\x00\x05"  # generation_id: int32
            b"\x00\x07w-0-abc"  # member_id
            b"\x00\x03w-0",  # group_instance_id
        ),
        (
            DYNAMIC_HEARTBEAT,
            12,
            3,
            b"\x00\x07flights\x00\x00\x00\x05\x00\x07w-0-abc\xff\xff",  # group_instance_id: length -1 is null
        ),
        (
            COMMIT,
            8,
            7,
            b"\x00\x07flights\x00\x00\x00\x05\x00\x07w-0-abc\x00\x03w-0"
            b"\x00\x00\x00\x01"  # topics: int32 count
            b"\x00\x0adepartures"
            b"\x00\x00\x00\x01"  # partitions: int32 count
            b"\x00\x00\x00\x03"  # partition_index: int32
            b"\x00\x00\x00\x00\x00\x00\x01\x03"  # committed_offset: int64
            b"\xff\xff\xff\xff"  # committed_leader_epoch: int32, -1 is unknown
            b"\x00\x00",  # committed_metadata: empty text
        ),
        (
            LEAVE,
            13,
            3,
            b"\x00\x07flights"
            b"\x00\x00\x00\x01"  # members: int32 count
            b"\x00\x07w-0-abc"
            b"\x00\x03w-0",
        ),
        (
            REMOVE,
            13,
            3,
            b"\x00\x07flights\x00\x00\x00\x01\x00\x00\x00\x03w-0",  # member_id: empty, so the instance decides
        ),
        (
            DESCRIBE,
            15,
            4,
            b"\x00\x00\x00\x01"  # groups: int32 count
            b"\x00\x07flights"
            b"\x00",  # include_authorized_operations: boolean
        ),
    ],
    ids=["heartbeat", "heartbeat of a dynamic member", "commit", "leave", "remove", "describe"],
)
def test_request_bytes(request_: Any, api_key: int, api_version: int, wire: bytes) -> None:
    struct = request_.prepare(KAFKA_4)
    assert (api_key, api_version) == (struct.API_KEY, struct.API_VERSION)
    assert struct.encode() == wire


def test_request_header_is_that_of_a_version_without_tagged_fields() -> None:
    struct = HEARTBEAT.prepare(KAFKA_4)
    header = struct.build_request_header(correlation_id=258, client_id="c")
    assert header.encode() == b"\x00\x0c\x00\x03\x00\x00\x01\x02\x00\x01c"


def test_heartbeat_response() -> None:
    response = HEARTBEAT.prepare(KAFKA_4).RESPONSE_TYPE.decode(b"\x00\x00\x00\x07\x00\x52")
    assert (response.throttle_time_ms, response.error_code) == (7, 82)
    assert (response.API_KEY, response.API_VERSION) == (12, 3)


def test_commit_response() -> None:
    response = COMMIT.prepare(KAFKA_4).RESPONSE_TYPE.decode(
        b"\x00\x00\x00\x00"  # throttle_time_ms
        b"\x00\x00\x00\x01\x00\x0adepartures"
        b"\x00\x00\x00\x02"  # two partitions: index int32, error int16
        b"\x00\x00\x00\x03\x00\x00"
        b"\x00\x00\x00\x04\x00\x16"
    )
    assert response.topics == [("departures", [(3, 0), (4, 22)])]
    assert (response.API_KEY, response.API_VERSION) == (8, 7)


def test_leave_response() -> None:
    response = LEAVE.prepare(KAFKA_4).RESPONSE_TYPE.decode(
        b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x07w-0-abc\x00\x03w-0\x00\x19"
    )
    assert response.error_code == 0
    assert response.members == [("w-0-abc", "w-0", 25)]


def test_describe_response() -> None:
    response = DESCRIBE.prepare(KAFKA_4).RESPONSE_TYPE.decode(
        b"\x00\x00\x00\x00"  # throttle_time_ms
        b"\x00\x00\x00\x01"  # one group
        b"\x00\x00\x00\x07flights\x00\x06Stable\x00\x08consumer\x00\x05faust"
        b"\x00\x00\x00\x02"  # two members
        b"\x00\x07w-0-abc\x00\x03w-0\x00\x01c\x00\x02/h\x00\x00\x00\x01m\x00\x00\x00\x01a"
        b"\x00\x03abc\xff\xff\x00\x01d\x00\x02/i\x00\x00\x00\x00\x00\x00\x00\x00"
        b"\x80\x00\x00\x00"  # authorized_operations: int32, its least value means that nobody asked
    )
    members = [("w-0-abc", "w-0", "c", "/h", b"m", b"a"), ("abc", None, "d", "/i", b"", b"")]
    assert response.groups == [(0, "flights", "Stable", "consumer", "faust", members, -(2**31))]


@pytest.mark.parametrize(
    "request_", [HEARTBEAT, COMMIT, LEAVE, DESCRIBE], ids=["heartbeat", "commit", "leave", "describe"]
)
class TestNegotiation:
    def test_newer_broker_is_asked_in_the_version_we_know(self, request_: Any) -> None:
        assert request_.prepare({request_.API_KEY: (0, 99)}).API_KEY == request_.API_KEY

    def test_broker_that_is_too_old_is_not_sent_a_request_without_the_instance(self, request_: Any) -> None:
        with pytest.raises(NotImplementedError, match=type(request_).__name__):
            request_.prepare(KAFKA_2_3)

    def test_broker_that_dropped_the_version(self, request_: Any) -> None:
        with pytest.raises(NotImplementedError):
            request_.prepare({request_.API_KEY: (90, 99)})

    def test_broker_that_does_not_know_the_api(self, request_: Any) -> None:
        with pytest.raises(IncompatibleBrokerVersion):
            request_.prepare({})


@pytest.mark.parametrize(("code", "kind"), [(82, FencedInstanceIdError), (111, UnreleasedInstanceIdError)])
def test_errors_are_typed_once_registered(code: int, kind: type[Exception]) -> None:
    register_errors()
    register_errors()
    assert for_code(code) is kind
    assert not for_code(code).retriable
    assert str(code) in str(kind())
