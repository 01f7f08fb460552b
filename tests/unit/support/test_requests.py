"""Who asks for what, read from bytes as clients send them; and the bytes of a refusal."""

import struct

import pytest
from aiokafka.protocol.group import HeartbeatResponse_v0, HeartbeatResponse_v1, LeaveGroupResponse_v1

from framework.membership.protocol import LeaveGroupResponse_v3
from tests.support.ghost import Seat, join_request
from tests.support.requests import HEARTBEAT, JOIN_GROUP, LEAVE_GROUP, NOT_COORDINATOR, Request, read_request, refusal

SEAT = Seat("g", "w1", "faust", ("in",), session=10.0)
FLEXIBLE_JOIN = (
    struct.pack(">hhih3s", JOIN_GROUP, 9, 5, 3, b"cli")
    + b"\x00"  # tags of the head
    + b"\x02g"
    + struct.pack(">ii", 1, 1)
    + b"\x01"
    + b"\x03w1"
)


def test_a_join_names_its_instance() -> None:
    assert read_request(join_request(SEAT, "me")) == Request(JOIN_GROUP, 5, 1, "me", "w1")
    assert read_request(FLEXIBLE_JOIN) == Request(JOIN_GROUP, 9, 5, "cli", "w1")


def test_a_join_of_before_static_membership_has_none() -> None:
    assert read_request(struct.pack(">hhih", JOIN_GROUP, 4, 5, -1)) == Request(JOIN_GROUP, 4, 5, None)


def test_of_other_requests_the_head_is_enough() -> None:
    assert read_request(struct.pack(">hhih1s", 3, 12, 7, 1, b"x") + b"whatever") == Request(3, 12, 7, "x")


def test_a_request_cut_short_is_said() -> None:
    with pytest.raises(ValueError, match="record ends"):
        read_request(b"\x00\x0b")


@pytest.mark.parametrize(
    ("api_key", "version", "decoder"),
    [
        (HEARTBEAT, 0, HeartbeatResponse_v0),
        (HEARTBEAT, 3, HeartbeatResponse_v1),
        (LEAVE_GROUP, 1, LeaveGroupResponse_v1),
        (LEAVE_GROUP, 3, LeaveGroupResponse_v3),
    ],
)
def test_a_refusal_is_what_a_client_reads_as_that_error(api_key: int, version: int, decoder: type) -> None:
    answer = refusal(Request(api_key, version, 77, "me"), NOT_COORDINATOR)

    assert struct.unpack(">ii", answer[:8]) == (len(answer) - 4, 77)
    assert decoder.decode(answer[8:]).error_code == NOT_COORDINATOR


@pytest.mark.parametrize(("api_key", "members"), [(HEARTBEAT, b""), (LEAVE_GROUP, b"\x01")])
def test_a_flexible_refusal_has_empty_tags(api_key: int, members: bytes) -> None:
    answer = refusal(Request(api_key, 4, 77, "me"), NOT_COORDINATOR)

    assert answer[4:] == struct.pack(">i", 77) + b"\x00" + struct.pack(">ih", 0, NOT_COORDINATOR) + members + b"\x00"


def test_an_unknown_kind_cannot_be_refused() -> None:
    with pytest.raises(ValueError, match="kind 3"):
        refusal(Request(3, 0, 1, None), NOT_COORDINATOR)
