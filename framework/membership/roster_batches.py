"""Records of the roster's topic as they lie in Kafka's batches; pure."""

import time
from dataclasses import dataclass

from aiokafka.record import MemoryRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder

_BATCH_SIZE = 1 << 20


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it was read.

    Attributes:
        key: as written.
        value: as written; None deletes the key.
        written_ms: milliseconds since 1970.
        is_broker_time: whether that is the broker's clock, not the writer's.
    """

    key: bytes | None
    value: bytes | None
    written_ms: int
    is_broker_time: bool


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one fetch brought of one partition.

    Attributes:
        records: in the log's order.
        position: offset to read from next.
        end: offset behind the last record that can be read.
    """

    records: tuple[Record, ...]
    position: int
    end: int

    @property
    def is_behind(self) -> bool:
        """Whether there is more to read at once."""
        return self.position < self.end


def encode_batch(key: bytes, value: bytes | None) -> bytes:
    """One record as a batch of its own, for a produce request."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=_BATCH_SIZE,
    )
    builder.append(0, timestamp=time.time_ns() // 1_000_000, key=key, value=value, headers=[])
    return bytes(builder.build())


def decode_batches(data: bytes | None, position: int, end: int) -> Fetched:
    """Read what a fetch of `position` has brought; the log ends at `end`.

    Raises:
        KafkaError: the batches are damaged, or compressed in a way that this machine cannot read.
    """
    records: list[Record] = []
    batches = MemoryRecords(data or b"")
    while batches.has_next():
        batch = batches.next_batch()
        if not batch.is_control_batch:
            # A batch is handed out whole, also where only its end was asked for.
            records += [
                Record(found.key, found.value, found.timestamp, bool(found.timestamp_type))
                for found in batch
                if found.offset >= position
            ]
        position = batch.next_offset
    return Fetched(tuple(records), position, end)
