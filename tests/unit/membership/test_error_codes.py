"""Every error code of an answer is seen, however deep it lies in it; checked on aiokafka's own response structs."""

from typing import Any

import pytest
from aiokafka.protocol.commit import (
    OffsetCommitResponse_v2,
    OffsetFetchResponse_v1,
    OffsetFetchResponse_v2,
    OffsetFetchResponse_v3,
)
from aiokafka.protocol.coordination import FindCoordinatorResponse_v0, FindCoordinatorResponse_v1
from aiokafka.protocol.group import (
    HeartbeatResponse_v0,
    JoinGroupResponse_v2,
    JoinGroupResponse_v5,
    LeaveGroupResponse_v1,
    SyncGroupResponse_v1,
    SyncGroupResponse_v3,
)

from framework.membership.answers import error_codes
from framework.membership.protocol import HeartbeatRequest_v3, LeaveGroupResponse_v3, OffsetCommitRequest_v7


@pytest.mark.parametrize(
    ("response", "codes"),
    [
        (JoinGroupResponse_v2(0, 25, -1, "", "", "", []), [25]),
        (JoinGroupResponse_v5(0, 82, -1, "", "", "", []), [82]),
        (JoinGroupResponse_v5(0, 0, 1, "faust", "m", "m", [("m", "w-0", b"\x00\x52")]), [0]),
        (SyncGroupResponse_v1(0, 27, b""), [27]),
        (SyncGroupResponse_v3(0, 22, b""), [22]),
        (HeartbeatResponse_v0(27), [27]),
        (HeartbeatRequest_v3.RESPONSE_TYPE(0, 82), [82]),
        (OffsetCommitResponse_v2([("t", [(0, 0), (1, 16)])]), [0, 16]),
        (OffsetCommitRequest_v7.RESPONSE_TYPE(0, [("t", [(0, 0), (1, 82)]), ("u", [(0, 3)])]), [0, 82, 3]),
        (OffsetCommitRequest_v7.RESPONSE_TYPE(0, []), []),
        (OffsetFetchResponse_v1([("t", [(0, -1, "", 14)])]), [14]),
        (OffsetFetchResponse_v2([("t", [(0, -1, "", 0)])], 16), [0, 16]),
        (OffsetFetchResponse_v3(0, [("t", [(0, -1, "", 0), (1, -1, "", 88)])], 0), [0, 88, 0]),
        (LeaveGroupResponse_v1(0, 25), [25]),
        (LeaveGroupResponse_v3(0, 0, [("m", "w-0", 82)]), [0, 82]),
        (FindCoordinatorResponse_v0(15, 0, "", 0), [15]),
        (FindCoordinatorResponse_v1(0, 30, "", 0, "", 0), [30]),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, list) else "",
)
def test_error_codes(response: Any, codes: list[int]) -> None:
    assert list(error_codes(response)) == codes


@pytest.mark.parametrize("answer", [None, True, object()])
def test_what_is_no_response_has_no_codes(answer: Any) -> None:
    assert list(error_codes(answer)) == []
