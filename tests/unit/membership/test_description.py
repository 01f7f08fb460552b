"""From the coordinator's answer to `Group`, also where members wrote what only they understand."""

import zlib

import pytest
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata
from faust.assignor.client_assignment import ClientAssignment, ClientMetadata

from framework.membership.description import group_of
from framework.membership.group import Group

METADATA = ConsumerProtocolMemberMetadata(0, ["b", "a"], b"").encode()
ASSIGNMENT = ConsumerProtocolMemberAssignment(0, [("a", [2, 0]), ("b", []), ("a", [1])], b"extra").encode()


def described(metadata: bytes, assignment: bytes, protocol_type: str = "consumer") -> Group:
    member = ("w-0-abc", "w-0", "w-0@box#1-a", "/10.0.0.1", metadata, assignment)
    return group_of((0, "g", "Stable", protocol_type, "faust", [member], 0))


def test_members_with_seats_topics_and_partitions() -> None:
    group = described(METADATA, ASSIGNMENT)
    (member,) = group.members
    assert (group.group_id, group.is_stable, group.seats) == ("g", True, {"w-0"})
    assert (member.member_id, member.client_id, member.client_host) == ("w-0-abc", "w-0@box#1-a", "/10.0.0.1")
    assert member.assignment == {"a": (0, 1, 2)}
    assert member.subscription == {"a", "b"}


@pytest.mark.parametrize(
    ("metadata", "assignment"),
    [
        (b"", b""),
        (b"\x00", b"\x00\x00\x7f\xff\xff\xff"),
        (b"\x00\x00\xff\xff\xff\xff", b"\x00\x00\xff\xff\xff\xff"),
        (b"\x00\x00\x00\x00\x00\x01\x00\x01\xff", b"\x00\x00\x00\x00\x00\x01\x00\x01a\xff\xff\xff\xff"),
    ],
    ids=["empty, as in a rebalance", "cut off", "null lists", "not UTF-8, null partitions"],
)
def test_bytes_that_say_nothing_leave_the_member_there(metadata: bytes, assignment: bytes) -> None:
    (member,) = described(metadata, assignment).members
    assert (member.group_instance_id, member.assignment, member.subscription) == ("w-0", {}, frozenset())


def test_member_of_another_protocol_is_there_without_topics() -> None:
    (member,) = described(METADATA, ASSIGNMENT, protocol_type="connect").members
    assert (member.client_id, member.assignment, member.subscription) == ("w-0@box#1-a", {}, frozenset())


def test_group_that_never_was() -> None:
    assert not group_of((0, "g", "Dead", "", "", [], 0)).exists
    assert not group_of((69, "g", "", "", "", [], 0)).exists


class TestActives:
    """Faust's leader writes beside each assignment what of it is active."""

    def test_they_are_told_apart_from_standbys(self) -> None:
        assignment = ClientAssignment(actives={"in": [1, 0], "t": [0], "none": []}, standbys={"t": [1]})
        user_data = ClientMetadata(assignment=assignment, url="http://w", changelog_distribution={}).dumps()
        told = ConsumerProtocolMemberAssignment(0, [("t", [0, 1])], zlib.compress(user_data)).encode()
        (member,) = described(METADATA, told).members
        assert member.actives == {"in": (0, 1), "t": (0,)}
        assert member.assignment == {"t": (0, 1)}

    @pytest.mark.parametrize(
        "user_data",
        [b"", b"extra", zlib.compress(b"{"), zlib.compress(b"{}"), zlib.compress(b'{"assignment": {"actives": 3}}')],
    )
    def test_assignment_that_is_not_fausts_has_none(self, user_data: bytes) -> None:
        told = ConsumerProtocolMemberAssignment(0, [("a", [0])], user_data).encode()
        (member,) = described(METADATA, told).members
        assert (member.actives, member.assignment) == ({}, {"a": (0,)})
