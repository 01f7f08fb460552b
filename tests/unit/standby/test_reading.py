"""What is granted is read from where the tables end, applied while it is wanted, and committed; consumer is a fake."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError
from aiokafka.structs import ConsumerRecord
from faust.types import TP

from framework.standby.reading import Reader

A, B = TP("a", 0), TP("a", 1)


def record(tp: TP, offset: int) -> ConsumerRecord:
    return ConsumerRecord(tp.topic, tp.partition, offset, 0, 0, b"k", b"v", None, 1, 1, ())


class FakeConsumer:
    """A consumer whose records a test lays out."""

    def __init__(self) -> None:
        self.batches: list[Any] = []
        self.seeks: list[tuple[TP, int]] = []
        self.positions: dict[TP, int | None] = {}
        self.ends: dict[TP, int] = {}
        self.commits: list[dict[TP, int]] = []
        self.assigned: set[TP] = set()

    def assignment(self) -> set[TopicPartition]:
        return {TopicPartition(*tp) for tp in self.assigned}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.seeks.append((TP(*partition), offset))
        self.positions[TP(*partition)] = offset

    async def getmany(self, *partitions: TopicPartition, timeout_ms: int, max_records: int) -> Any:
        await asyncio.sleep(0)
        if not self.batches:
            await asyncio.sleep(3600)
        batch = self.batches.pop(0)
        if isinstance(batch, Exception):
            raise batch
        if callable(batch):
            batch = batch()
        return {TopicPartition(*tp): records for tp, records in batch.items() if TopicPartition(*tp) in partitions}

    def position_of(self, partition: TopicPartition) -> int | None:
        return self.positions.get(TP(*partition))

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return {each: self.ends.get(TP(*each), 0) for each in partitions}

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.commits.append({TP(*partition): offset for partition, offset in offsets.items()})


class FakeApplier:
    """Tables that note what they are given."""

    def __init__(self) -> None:
        self.applied: list[tuple[TP, int]] = []
        self.starts: dict[TP, int] = {}
        self.locked: set[TP] = set()
        self.forgotten: list[tuple[set[TP], set[TP]]] = []

    def start_of(self, tp: TP) -> int:
        if tp in self.locked:
            raise Exception("lock hold by another process")
        return self.starts.get(tp, 0)

    async def apply(self, tp: TP, records: Sequence[Any]) -> None:
        self.applied += [(tp, each.offset) for each in records]
        self.starts[tp] = records[-1].offset + 1

    async def forget(self, tps: Any, remaining: Any) -> None:
        self.forgotten.append((set(tps), set(remaining)))
        for tp in tps:
            self.starts.pop(tp, None)


class Bench:
    """A reader with fakes around it."""

    def __init__(self) -> None:
        self.consumer = FakeConsumer()
        self.applier = FakeApplier()
        self.reader = Reader(self.consumer, self.applier, {})  # type: ignore[arg-type]

    async def grant(self, *tps: TP) -> None:
        await self.reader.on_partitions_revoked([])
        self.consumer.assigned = set(tps)
        await self.reader.on_partitions_assigned([TopicPartition(*tp) for tp in tps])

    async def read(self) -> None:
        """Read until there is no batch left."""
        task = asyncio.create_task(self.reader.read())
        while self.consumer.batches:
            await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def run(scenario: Callable[[Bench], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        await scenario(Bench())

    asyncio.run(whole())


def test_it_goes_on_where_the_tables_end() -> None:
    async def scenario(bench: Bench) -> None:
        bench.applier.starts = {A: 7}
        await bench.reader.want([A, B])
        await bench.grant(A, B)
        assert bench.consumer.seeks == [(A, 7), (B, 0)]
        assert bench.reader.ready == {A, B}
        await bench.grant(A, B)
        assert len(bench.consumer.seeks) == 4, "each grant makes aiokafka begin anew"

    run(scenario)


def test_grant_of_a_subscription_that_has_changed_since_is_left_alone() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.grant(A)
        bench.consumer.assigned = set()
        await bench.reader.want([A])
        assert bench.consumer.seeks == []

    run(scenario)


def test_only_what_is_granted_and_wanted_is_read() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.grant(A, B)
        assert bench.reader.ready == frozenset()
        await bench.reader.want([A])
        assert bench.reader.ready == {A}
        bench.consumer.batches = [{A: [record(A, 0)], B: [record(B, 0)]}]
        await bench.read()
        assert bench.applier.applied == [(A, 0)]

    run(scenario)


def test_it_reads_as_soon_as_there_is_something_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framework.standby.reading.POLL_MS", 3_600_000)

    async def scenario(bench: Bench) -> None:
        bench.consumer.batches = [{A: [record(A, 0)]}]
        task = asyncio.create_task(bench.reader.read())
        await bench.reader.want([A])
        await asyncio.sleep(0)
        await bench.grant(A)
        async with asyncio.timeout(5.0):
            while not bench.applier.applied:
                await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(scenario)


def test_batch_from_before_a_rebalance_is_read_again_instead() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.reader.want([A])
        await bench.grant(A)

        def rebalanced() -> Any:
            asyncio.get_running_loop().create_task(bench.grant(A))
            bench.reader._grants += 1
            return {A: [record(A, 0)]}

        bench.consumer.batches = [rebalanced, {A: [record(A, 0), record(A, 1)]}]
        await bench.read()
        assert bench.applier.applied == [(A, 0), (A, 1)]

    run(scenario)


def test_gaps_are_passed_when_what_lies_before_them_is_applied() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.reader.want([A, B])
        await bench.grant(A, B)
        bench.consumer.ends = {A: 12, B: 5}
        bench.consumer.batches = [{A: [record(A, 3)]}]
        bench.consumer.positions = {A: 12, B: None}
        await bench.read()
        await bench.reader.look()
        assert bench.reader.progress.lag(A) == 0
        assert bench.reader.progress.lag(B) == 5

    run(scenario)


def test_database_that_another_process_has_open_is_tried_again() -> None:
    async def scenario(bench: Bench) -> None:
        bench.applier.locked = {A}
        await bench.reader.want([A, B])
        await bench.grant(A, B)
        assert bench.reader.ready == {B}
        assert "a[0] cannot be opened: lock" in bench.reader.blocked[A]
        bench.applier.locked = set()
        await bench.reader.position()
        assert bench.reader.ready == {A, B}
        assert bench.reader.blocked == {}

    run(scenario)


def test_what_is_no_longer_wanted_is_forgotten() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.reader.want([A, B])
        await bench.grant(A, B)
        await bench.reader.want([B])
        assert bench.applier.forgotten == [({A}, {B})]
        assert bench.reader.ready == {B}
        await bench.reader.want([A, B])
        assert bench.consumer.seeks[-1] == (A, 0), "and read from its beginning when it is wanted again"

    run(scenario)


def test_broker_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framework.standby.reading.RETRY", 0.0)

    async def scenario(bench: Bench) -> None:
        await bench.reader.want([A])
        await bench.grant(A)
        bench.consumer.batches = [KafkaConnectionError("away"), OSError("away"), {A: [record(A, 0)]}]
        await bench.read()
        assert bench.applier.applied == [(A, 0)]

    run(scenario)


def test_positions_are_committed_once_each() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.reader.want([A, B])
        await bench.grant(A, B)
        bench.consumer.batches = [{A: [record(A, 0), record(A, 1)]}]
        bench.consumer.positions = {}
        await bench.read()
        await bench.reader.commit()
        await bench.reader.commit()
        assert bench.consumer.commits == [{A: 2}]

    run(scenario)


def test_a_grant_after_the_tables_were_let_go_touches_nothing() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.reader.want([A])
        bench.reader.let_go()
        await bench.grant(A)
        assert bench.consumer.seeks == []
        assert bench.reader.ready == frozenset()

    run(scenario)
