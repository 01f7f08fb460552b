"""Record batches as a broker sends them, and a fetcher of aiokafka's that holds them."""

import asyncio
import struct
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from aiokafka.consumer.fetcher import READ_UNCOMMITTED, FetchResult, PartitionRecords
from aiokafka.consumer.subscription_state import Assignment
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

FLIGHTS = TopicPartition("flights", 0)

CRC_AT, ATTRIBUTES_AT, LAST_DELTA_AT = 17, 21, 23
"""Places in the header of a batch (KIP-98)."""

CONTROL, GZIP = 0x20, 1


@dataclass(frozen=True)
class Batch:
    """One batch of format 2.

    Attributes:
        base: offset of the first record it had when it was written.
        deltas: of the records that compaction has left.
        last: delta of the last one it ever had; default: of the last one left.
    """

    base: int
    deltas: Sequence[int]
    last: int | None = None
    is_control: bool = False
    compression: int = 0

    def to_bytes(self) -> bytearray:
        builder = DefaultRecordBatchBuilder(2, self.compression, 0, -1, -1, -1, 1_000_000)
        for delta in self.deltas:
            value = b"v%d" % (self.base + delta)
            assert builder.append(delta, 1000 + delta, b"k", value, [("h", b"1")]) is not None
        found = bytearray(builder.build())
        struct.pack_into(">q", found, 0, self.base)
        if self.last is not None:
            struct.pack_into(">i", found, LAST_DELTA_AT, self.last)
        if self.is_control:
            (attributes,) = struct.unpack_from(">h", found, ATTRIBUTES_AT)
            struct.pack_into(">h", found, ATTRIBUTES_AT, attributes | CONTROL)
        struct.pack_into(">I", found, CRC_AT, calc_crc32c(bytes(found[ATTRIBUTES_AT:])))
        return found


def corrupt(data: bytearray) -> bytearray:
    """The same bytes with one of them wrong."""
    data[-1] ^= 0xFF
    return data


def legacy(offsets: Iterable[int], *, magic: int, compression: int = 0) -> bytes:
    """Messages of format 0 or 1; compressed ones are one batch."""
    builder = LegacyRecordBatchBuilder(magic, compression, 1_000_000)
    last = 0
    for last in offsets:
        builder.append(last, 1000 + last, b"k", b"v%d" % last)
    found = bytearray(builder.build())
    if compression:
        # The message around the others; the broker gives it the offset of the last.
        struct.pack_into(">q", found, 0, last)
    return bytes(found)


class FakeFetcher:
    """A fake of aiokafka's fetcher; what it holds is real.

    Attributes:
        notified: how often it was told that there is room for more of a partition.
    """

    def __init__(self, *partitions: TopicPartition) -> None:
        self.assignment = Assignment(partitions or (FLIGHTS,))
        self._records: OrderedDict[Any, Any] = OrderedDict()
        self._subscriptions = SimpleNamespace(is_assigned=lambda tp: tp in self.assignment.tps)
        self._wait_consume_future = asyncio.get_running_loop().create_future()
        self.notified = 0

    def _notify(self, _future: Any) -> None:
        self.notified += 1

    def hold(
        self,
        data: bytes,
        position: int = 0,
        *,
        tp: TopicPartition = FLIGHTS,
        isolation: int = READ_UNCOMMITTED,
        checks: bool = True,
    ) -> None:
        """Have it hold an answer of the broker to a fetch from a position."""
        self.assignment.state_value(tp).seek(position)
        records = PartitionRecords(tp, MemoryRecords(bytes(data)), [], position, None, None, checks, isolation)
        self._records[tp] = FetchResult(tp, assignment=self.assignment, partition_records=records, backoff=0)

    def position(self, tp: TopicPartition = FLIGHTS) -> int:
        """Where the next fetch begins."""
        return int(self.assignment.state_value(tp).position)

    def pause(self, tp: TopicPartition = FLIGHTS) -> None:
        """Pause a partition, as whoever uses the client does."""
        self.assignment.state_value(tp).pause()

    def seek(self, position: int, tp: TopicPartition = FLIGHTS) -> None:
        """Set a position, as whoever uses the client does."""
        self.assignment.state_value(tp).seek(position)


def joined(*batches: Batch) -> bytes:
    """Batches, one behind the other."""
    return b"".join(bytes(batch.to_bytes()) for batch in batches)
