"""A member that joins a group in somebody's seat and is never heard of again."""

import socket
import struct
from dataclasses import dataclass

from tests.support.cursor import Cursor
from tests.support.group_records import Member
from tests.support.requests import JOIN_GROUP

VERSION = 5
CORRELATION = 1
PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Seat:
    """What a JoinGroup names.

    Attributes:
        group_id: the group.
        group_instance_id: the seat in it.
        protocol: the assignor that the group chose; another one would rebalance it.
        topics: to subscribe to.
        session: seconds.
    """

    group_id: str
    group_instance_id: str
    protocol: str
    topics: tuple[str, ...]
    session: float

    @classmethod
    def of(cls, group_id: str, protocol: str, member: Member, session: float) -> "Seat":
        """The seat in which a static member sits."""
        assert member.group_instance_id is not None, "a dynamic member has no seat"
        return cls(group_id, member.group_instance_id, protocol, member.topics, session)


def join(bootstrap_servers: str, seat: Seat, client_id: str) -> str:
    """Send one JoinGroup without a member id, as a process does that has just been started.

    Args:
        bootstrap_servers: `host:port` of the group's coordinator.
        seat: to take.
        client_id: to go by.

    Returns:
        The member id that the broker gave.

    Raises:
        ConnectionError: the broker answered with an error.
    """
    host, _, port = bootstrap_servers.partition(":")
    request = join_request(seat, client_id)
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        with connection.makefile("rb") as answers:
            (length,) = struct.unpack(">i", answers.read(4))
            return _member_id(answers.read(length))


def join_request(seat: Seat, client_id: str) -> bytes:
    """JoinGroup v5 (KIP-345), without the length in front of it."""
    milliseconds = round(seat.session * 1000)
    metadata = struct.pack(">hi", 0, len(seat.topics)) + b"".join(map(_text, seat.topics)) + struct.pack(">i", 0)
    return b"".join(
        (
            struct.pack(">hhi", JOIN_GROUP, VERSION, CORRELATION) + _text(client_id),
            _text(seat.group_id),
            struct.pack(">ii", milliseconds, milliseconds),  # session and rebalance timeout
            _text("") + _text(seat.group_instance_id),
            _text("consumer"),
            struct.pack(">i", 1) + _text(seat.protocol) + struct.pack(">i", len(metadata)) + metadata,
        )
    )


def _member_id(answer: bytes) -> str:
    cursor = Cursor(answer)
    cursor.int32()  # correlation id
    cursor.int32()  # throttle time
    if error := cursor.int16():
        raise ConnectionError(f"the join was answered with error {error}")
    cursor.int32()  # generation
    cursor.text()  # protocol
    cursor.text()  # leader
    return cursor.text()


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack(">h", len(encoded)) + encoded
