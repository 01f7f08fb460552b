"""A partition's log as the broker has it on this machine's disk, with bytes that a test turns over.

The broker hands out what the file holds without looking at it, so a byte that is turned over here is what the next
fetch finds, without a restart. The layout of a batch is Kafka's format v2 (`RecordBatch` in Kafka's documentation).
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from framework.localkafka import LocalKafka

HEAD = struct.Struct(">qi")
"""Base offset of a batch, and how many bytes come behind these two."""

LAST_OFFSET_DELTA = 23
"""Where in a batch it stands how many offsets its last record is behind its first."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch in a file: where it stands there, and which offsets it covers."""

    file: Path
    at: int
    size: int
    first: int
    last: int


class LogFiles:
    """The segments of one partition, on a broker that runs from this machine."""

    def __init__(self, kafka: LocalKafka, topic: str, partition: int = 0) -> None:
        self.folder = kafka.folder / "node-1" / "data" / f"{topic}-{partition}"

    def batches(self) -> list[Batch]:
        """All batches, in order."""
        return [batch for file in sorted(self.folder.glob("*.log")) for batch in _batches(file)]

    @contextmanager
    def corrupt(self, offset: int) -> Iterator[None]:
        """Have the batch that holds an offset fail its checksum as long as the context lasts."""
        (batch,) = [batch for batch in self.batches() if batch.first <= offset <= batch.last]
        _turn_over(batch)
        try:
            yield
        finally:
            _turn_over(batch)


def _batches(file: Path) -> Iterator[Batch]:
    data, at = file.read_bytes(), 0
    while at + HEAD.size <= len(data):
        first, behind = HEAD.unpack_from(data, at)
        if not behind:
            return  # the rest is room that the broker has set aside
        (delta,) = struct.unpack_from(">i", data, at + LAST_OFFSET_DELTA)
        yield Batch(file, at, HEAD.size + behind, first, first + delta)
        at += HEAD.size + behind


def _turn_over(batch: Batch) -> None:
    """Turn the last byte of a batch over; it is one of its last record."""
    with batch.file.open("r+b") as file:
        file.seek(batch.at + batch.size - 1)
        (byte,) = file.read(1)
        file.seek(batch.at + batch.size - 1)
        file.write(bytes([byte ^ 0xFF]))
