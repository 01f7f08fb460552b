"""A topic in memory with the interface of `Wire`."""

import asyncio
from collections.abc import Mapping
from typing import Any

import aiokafka.errors as kafka_errors

from framework.membership.roster_batches import Fetched, Record


class FakeTopic:
    """A topic that can be missing, be denied, or hang, or be read only; `connect` stands in for `Wire.connect`."""

    def __init__(self, partitions: int = 2) -> None:
        self.logs: dict[int, list[Record]] = {partition: [] for partition in range(partitions)}
        self.error: BaseException | None = None
        self.may_write = True
        self.connects = 0
        self.wires: list[FakeWire] = []

    def append(self, key: bytes | None, value: bytes | None, written_ms: int = 0, partition: int = 0) -> None:
        """A record that somebody wrote, stamped by the broker."""
        self.logs[partition].append(Record(key, value, written_ms, is_broker_time=True))

    async def connect(self, *_args: Any) -> "FakeWire":
        self.connects += 1
        self.fail()
        self.wires.append(FakeWire(self))
        return self.wires[-1]

    def fail(self) -> None:
        if self.error is not None:
            raise self.error


class FakeWire:
    """One connection to a `FakeTopic`."""

    def __init__(self, topic: FakeTopic) -> None:
        self.topic = topic
        self.is_closed = False

    @property
    def partitions(self) -> int:
        return len(self.topic.logs)

    @property
    def may_write(self) -> bool:
        return self.topic.may_write

    async def locate(self) -> None:
        self.topic.fail()

    async def write(self, partition: int, key: bytes, value: bytes | None) -> None:
        self._check(partition)
        self.topic.append(key, value, partition=partition)

    async def earliest(self, partition: int) -> int:
        self._check(partition)
        return 0

    async def fetch(self, positions: Mapping[int, int], wait: float) -> dict[int, Fetched]:
        await asyncio.sleep(min(wait, 0.01))
        found = {}
        for partition, position in positions.items():
            self._check(partition)
            log = self.topic.logs[partition]
            if position > len(log):
                raise kafka_errors.OffsetOutOfRangeError
            # Two at a time, so that a longer log takes several fetches.
            end = min(len(log), position + 2)
            found[partition] = Fetched(tuple(log[position:end]), end, len(log))
        return found

    async def close(self) -> None:
        self.is_closed = True

    def _check(self, partition: int) -> None:
        self.topic.fail()
        if partition not in self.topic.logs:
            raise kafka_errors.UnknownTopicOrPartitionError
