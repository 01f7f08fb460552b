"""Decoding `__consumer_offsets`: on bytes that Apache Kafka 4.3.1 wrote, and on hand-made ones."""

import struct

import pytest

from tests.support.group_records import CommitRecord, GroupRecord, decode

GROUP_KEY = b"\x00\x02\x00\x03cap"
EMPTY_GROUP = b"\x00\x03\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\x00\x00\x01\xa2\x0e\x8a'\xb8\x00\x00\x00\x00"
SUBSCRIBED = b"\x00\x00\x00\x12\x00\x00\x00\x00\x00\x01\x00\x06cap-in\x00\x00\x00\x00"
GRANTED = b"\x00\x00\x00\x1a\x00\x00\x00\x00\x00\x01\x00\x06cap-in\x00\x00\x00\x01\x00\x00\x00%c\x00\x00\x00\x00"
TWO_MEMBERS = (
    b"\x00\x03\x00\x08consumer\x00\x00\x00\x01\x00\x05range\x00'w0-7f1e63af-41bb-457d-9335-608c74abb0ae"
    b"\x00\x00\x01\xa2\x0e\x8a'\xc9\x00\x00\x00\x02"
    b"\x00-client-1-b7a5d489-aca0-4ce0-b6df-a2eb601018e7\xff\xff\x00\x08client-1\x00\n/127.0.0.1\x00\x04\x93\xe0\x00\x00\x17p"
    + SUBSCRIBED
    + GRANTED % 1
    + b"\x00'w0-7f1e63af-41bb-457d-9335-608c74abb0ae"
    + b"\x00\x02w0\x00\x08client-0\x00\n/127.0.0.1\x00\x04\x93\xe0\x00\x00\x17p"
    + SUBSCRIBED
    + GRANTED % 0
)
COMMIT_KEY = b"\x00\x01\x00\x03cap\x00\x06cap-in\x00\x00\x00\x01"
FLEXIBLE_COMMIT = (
    b"\x00\x04\x00\x00\x00\x00\x00\x00\x00\x07\xff\xff\xff\xff\x05note\x00\x00\x01\xa2\x0e\x8a:\xd2"
    b"\x01\x00\x10\x83K'\xc1\x84\rL\xc3\x94\xfa\x0e\xea\xc8\x11v\xf8"
)


def test_group_with_a_static_and_a_dynamic_member() -> None:
    record = decode(GROUP_KEY, TWO_MEMBERS, timestamp=5.0)

    assert isinstance(record, GroupRecord)
    assert (record.group_id, record.generation, record.protocol, record.timestamp) == ("cap", 1, "range", 5.0)
    assert record.leader == "w0-7f1e63af-41bb-457d-9335-608c74abb0ae"
    dynamic, static = record.members
    assert (dynamic.group_instance_id, dynamic.client_id) == (None, "client-1")
    assert (static.group_instance_id, static.member_id) == ("w0", record.leader)
    assert static.topics == ("cap-in",)
    assert (static.assigned, dynamic.assigned) == ({("cap-in", 0)}, {("cap-in", 1)})


def test_empty_group_has_neither_leader_nor_members() -> None:
    assert decode(GROUP_KEY, EMPTY_GROUP) == GroupRecord("cap", 0, None, None, (), 0.0)


def test_deleted_group_is_an_empty_one() -> None:
    assert decode(GROUP_KEY, None, timestamp=5.0) == GroupRecord("cap", 0, None, None, (), 5.0)


def test_commit_with_tagged_topic_id() -> None:
    assert decode(COMMIT_KEY, FLEXIBLE_COMMIT) == CommitRecord("cap", "cap-in", 1, 7, 1795540269.778)


@pytest.mark.parametrize("version", [0, 1, 2, 3])
def test_commit_of_an_older_version(version: int) -> None:
    epoch = b"\x00\x00\x00\x03" if version == 3 else b""
    value = struct.pack(">hq", version, 42) + epoch + struct.pack(">h4sq", 4, b"note", 1500)

    assert decode(COMMIT_KEY, value) == CommitRecord("cap", "cap-in", 1, 42, 1.5)


def test_deleted_commit_has_no_offset() -> None:
    assert decode(COMMIT_KEY, None, timestamp=5.0) == CommitRecord("cap", "cap-in", 1, None, 5.0)


def test_flexible_group_equals_the_fixed_one() -> None:
    def text(value: str | None) -> bytes:
        return b"\x00" if value is None else bytes([len(value) + 1]) + value.encode()

    subscription, assignment = SUBSCRIBED[4:], (GRANTED % 2)[4:]
    value = (
        struct.pack(">h", 4) + text("consumer") + struct.pack(">i", 9) + text("range") + text("w0-1")
        + struct.pack(">q", 0) + b"\x02"
        + text("w0-1") + text("w0") + text("client") + text("/host") + struct.pack(">ii", 1, 2)
        + bytes([len(subscription) + 1]) + subscription + bytes([len(assignment) + 1]) + assignment
        + b"\x01\x00\x02ab" + b"\x00"
    )  # fmt: skip

    record = decode(GROUP_KEY, value)

    assert isinstance(record, GroupRecord)
    assert (record.generation, record.leader) == (9, "w0-1")
    assert [(m.group_instance_id, m.topics, m.assigned) for m in record.members] == [
        ("w0", ("cap-in",), {("cap-in", 2)})
    ]


def test_long_strings_need_two_length_bytes() -> None:
    metadata = b"\x81\x02" + b"x" * 256
    value = struct.pack(">hqi", 4, 7, -1) + metadata + struct.pack(">q", 2000) + b"\x00"

    assert decode(COMMIT_KEY, value) == CommitRecord("cap", "cap-in", 1, 7, 2.0)


@pytest.mark.parametrize("key", [None, b"", b"\x00\x03\x00\x03cap"])
def test_other_kinds_of_record_are_passed_over(key: bytes | None) -> None:
    assert decode(key, b"\x00\x00") is None


def test_unknown_value_version_is_said() -> None:
    with pytest.raises(ValueError, match="version 5 is not known"):
        decode(COMMIT_KEY, b"\x00\x05" + FLEXIBLE_COMMIT[2:])


def test_record_cut_short_is_said() -> None:
    with pytest.raises(ValueError, match="record ends after"):
        decode(GROUP_KEY, TWO_MEMBERS[:-20])
