"""Records of the roster as they lie in Kafka's batches."""

import time

import pytest
from aiokafka.errors import KafkaError
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from framework.membership.roster_batches import Fetched, decode_batches, encode_batch


def test_record_comes_back() -> None:
    found = decode_batches(encode_batch(b"w-0", b"value"), 0, 1)
    [record] = found.records
    assert (record.key, record.value, record.is_broker_time) == (b"w-0", b"value", False)
    assert abs(record.written_ms - time.time() * 1000) < 60_000
    assert found.position == 1
    assert not found.is_behind


def test_record_without_a_value() -> None:
    [record] = decode_batches(encode_batch(b"w-0", None), 0, 1).records
    assert record.value is None


@pytest.mark.parametrize("data", [b"", None])
def test_nothing(data: bytes | None) -> None:
    assert decode_batches(data, 7, 9) == Fetched((), 7, 9)
    assert decode_batches(data, 7, 9).is_behind


def test_batch_is_read_from_the_position_on() -> None:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1000)
    for offset in range(3):
        builder.append(offset, timestamp=5, key=b"k", value=b"%d" % offset, headers=[])
    found = decode_batches(bytes(builder.build()), 1, 3)
    assert [record.value for record in found.records] == [b"1", b"2"]
    assert found.position == 3


def test_damaged_batch() -> None:
    data = bytearray(encode_batch(b"w-0", b"value"))
    data[61:] = b"\xff" * len(data[61:])
    with pytest.raises(KafkaError):
        decode_batches(bytes(data), 0, 1)
