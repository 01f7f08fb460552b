"""Requests on the wire: what one asks for, and the bytes of an answer that refuses it; opens no connection.

The layouts are those of Apache Kafka's `RequestHeader`, `ResponseHeader`, `JoinGroupRequest`, `HeartbeatResponse` and
`LeaveGroupResponse` message schemas.
"""

import struct
from dataclasses import dataclass

from tests.support.cursor import Cursor

JOIN_GROUP = 11
HEARTBEAT = 12
LEAVE_GROUP = 13
NOT_COORDINATOR = 16

FIRST_FLEXIBLE_JOIN = 6
FIRST_FLEXIBLE_REFUSAL = 4


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        api_key: what it asks for.
        api_version: the version of that.
        correlation_id: comes back in the answer.
        client_id: what the client calls itself.
        group_instance_id: of a static member's JoinGroup; None for everything else.
    """

    api_key: int
    api_version: int
    correlation_id: int
    client_id: str | None
    group_instance_id: str | None = None


def read_request(frame: bytes) -> Request:
    """Read the head of a request, and who joins if it is a JoinGroup.

    Args:
        frame: the request without the length in front of it.

    Raises:
        ValueError: it is cut short.
    """
    cursor = Cursor(frame)
    api_key, api_version, correlation_id = cursor.int16(), cursor.int16(), cursor.int32()
    client_id = cursor.nullable_text()  # never a compact one, so that every broker can read it
    instance = _joining(frame, cursor.at, api_version) if api_key == JOIN_GROUP else None
    return Request(api_key, api_version, correlation_id, client_id, instance)


def refusal(request: Request, error: int) -> bytes:
    """The answer that says `error` and nothing else, with the length in front of it.

    Raises:
        ValueError: how such a request is answered is not written down here.
    """
    if request.api_key not in (HEARTBEAT, LEAVE_GROUP):
        raise ValueError(f"no refusal of requests of kind {request.api_key} is known; look up its schema")
    is_flexible = request.api_version >= FIRST_FLEXIBLE_REFUSAL
    parts = [struct.pack(">i", request.correlation_id)]
    if is_flexible:
        parts.append(b"\x00")  # no tagged fields in the head
    if request.api_version >= 1:
        parts.append(struct.pack(">i", 0))  # throttle time
    parts.append(struct.pack(">h", error))
    if request.api_key == LEAVE_GROUP and request.api_version >= 3:
        parts.append(b"\x01" if is_flexible else struct.pack(">i", 0))  # no members
    if is_flexible:
        parts.append(b"\x00")
    answer = b"".join(parts)
    return struct.pack(">i", len(answer)) + answer


def _joining(frame: bytes, at: int, version: int) -> str | None:
    if version < 5:
        return None
    is_flexible = version >= FIRST_FLEXIBLE_JOIN
    cursor = Cursor(frame, at=at, is_flexible=is_flexible)
    cursor.skip_tags()
    cursor.text()  # group
    cursor.int32()  # session timeout
    cursor.int32()  # rebalance timeout
    cursor.text()  # member id
    return cursor.nullable_text()
