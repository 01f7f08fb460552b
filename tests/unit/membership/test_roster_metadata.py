"""The bytes of Metadata v8, written out by hand from the message definitions of Kafka 2.4, and what the rights say."""

import pytest

from framework.membership.roster_metadata import NOT_GIVEN, TopicMetadataRequest, may_write

REQUEST = TopicMetadataRequest("g-roster")


def test_request_bytes() -> None:
    struct = REQUEST.prepare({3: (0, 13)})
    assert (struct.API_KEY, struct.API_VERSION) == (3, 8)
    assert struct.encode() == (
        b"\x00\x00\x00\x01"  # topics: int32 count
        b"\x00\x08g-roster"
        b"\x00"  # allow_auto_topic_creation: boolean
        b"\x00"  # include_cluster_authorized_operations
        b"\x01"  # include_topic_authorized_operations
    )


def test_broker_that_is_too_old() -> None:
    with pytest.raises(NotImplementedError, match="TopicMetadataRequest"):
        REQUEST.prepare({3: (0, 7)})


def test_response() -> None:
    response = REQUEST.prepare({3: (0, 8)}).RESPONSE_TYPE.decode(
        b"\x00\x00\x00\x07"  # throttle_time_ms
        b"\x00\x00\x00\x01\x00\x00\x00\x05\x00\x01b\x00\x00\x23\x84\xff\xff"  # broker 5, b:9092, no rack
        b"\x00\x01c"  # cluster_id
        b"\x00\x00\x00\x05"  # controller_id
        b"\x00\x00\x00\x01\x00\x00\x00\x08g-roster\x00"  # one topic: error int16, name, is_internal
        b"\x00\x00\x00\x01"  # one partition
        b"\x00\x00\x00\x00\x00\x01\x00\x00\x00\x05"  # error int16, index, leader
        b"\x00\x00\x00\x02"  # leader_epoch
        b"\x00\x00\x00\x01\x00\x00\x00\x05"  # replicas
        b"\x00\x00\x00\x01\x00\x00\x00\x05"  # isr
        b"\x00\x00\x00\x00"  # offline_replicas
        b"\x00\x00\x0d\xe8"  # topic_authorized_operations
        b"\x80\x00\x00\x00"  # cluster_authorized_operations: nobody asked
    )
    found = response.to_object()
    assert found["brokers"] == [{"node_id": 5, "host": "b", "port": 9092, "rack": None}]
    assert found["controller_id"] == 5
    [topic] = found["topics"]
    assert (topic["error_code"], topic["topic"], topic["authorized_operations"]) == (0, "g-roster", 3560)
    assert [(p["partition"], p["leader"]) for p in topic["partitions"]] == [(1, 5)]


@pytest.mark.parametrize(
    ("operations", "may"),
    [
        (3576, True),  # READ WRITE CREATE DELETE ALTER DESCRIBE and both CONFIGS: a broker without an authorizer
        (3560, False),  # the same without WRITE
        (1 << 3 | 1 << 8, False),  # READ, which includes DESCRIBE
        (1 << 4, True),
        (0, False),
        (NOT_GIVEN, True),
    ],
)
def test_right_to_write(operations: int, may: bool) -> None:
    assert may_write(operations) is may
