"""What a table in memory has after rebalances in which its partition stays: what a new reader of the changelog has."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from faust.events import Event
from faust.types import TP

from framework.streams.tables.recovery import Recovery
from tests.unit.streams.fakes import run
from tests.unit.streams.tabled import CHANGELOG, FakeSent, Process

ORDERS, PAYMENTS = TP("orders", 0), TP("payments", 0)


@pytest.fixture(autouse=True)
def generation(monkeypatch: pytest.MonkeyPatch) -> None:
    from framework import App

    monkeypatch.setattr(App, "consumer_generation_id", 1, raising=False)


async def do_nothing(*args: Any, **kwargs: Any) -> None:
    """In place of what waits for Kafka."""


class FakeConsumer:
    """A fake of the consumer that delivers the changelog as it was posted.

    Attributes:
        reads: `(first, last)` offset of each stretch that was read.
        at_resume: called when the position is set and nothing is read yet.
    """

    def __init__(self, process: Process) -> None:
        self.process = process
        self.reads: list[tuple[int, int]] = []
        self.at_resume: Any = None
        self._position = 0
        self._delivering: asyncio.Future[None] | None = None

    def assignment(self) -> set[TP]:
        return {CHANGELOG}

    def topic_partitions(self, topic: str) -> None: ...

    async def highwaters(self, *tps: TP) -> dict[TP, int]:
        return {tp: len(self.process.changelog()) for tp in tps}

    async def earliest_offsets(self, *tps: TP) -> dict[TP, int]:
        return dict.fromkeys(tps, 0)

    async def seek_wait(self, offsets: dict[TP, int]) -> None:
        self._position = offsets[CHANGELOG]

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        end = len(self.process.changelog())
        if CHANGELOG not in tps or end == self._position:
            return
        self.reads.append((self._position, end - 1))
        self._delivering = asyncio.ensure_future(self._deliver(end))

    async def _deliver(self, end: int) -> None:
        if self.at_resume is not None:
            await self.at_resume()
        process = self.process
        for message in process.changelog()[self._position : end]:
            key = process.table._to_key(process._key(message))
            event = Event(process.app, key, process._value(message), {}, message)
            process.app.tables.changelog_queue.force_put_nowait(event)
        self._position = end

    def pause_partitions(self, tps: Iterable[TP]) -> None: ...

    def resume_flow(self) -> None: ...

    perform_seek = do_nothing


class Worker:
    """A worker with one table in memory, and all of Faust's recovery of it.

    Attributes:
        is_held: whether changes wait, for a flush or for the brokers.
    """

    def __init__(self, *, is_fast: bool = True) -> None:
        self.is_fast, self.is_held = is_fast, False
        self.process = Process(is_fast=is_fast)
        app: Any = self.process.app
        self.consumer = app._consumer = FakeConsumer(self.process)
        app._producer.flush = do_nothing
        app._fetcher = SimpleNamespace(maybe_start=do_nothing)
        app.on_rebalance_end = lambda: None
        app.assignor.assigned_actives = lambda: {CHANGELOG}
        app.assignor.assigned_standbys = set
        self.recovery: Any = app.tables.recovery
        self.recovery._is_changelog_tp = lambda tp: True

    async def rebalance(self) -> None:
        """One in which the partition stays; returns when the table is recovered."""
        self.recovery.completed.clear()
        self.recovery.on_partitions_revoked({CHANGELOG})
        await self.recovery.on_rebalance({CHANGELOG}, set(), set(), 1)
        async with asyncio.timeout(10.0):
            await self.recovery.completed.wait()

    async def orders(self, offset: int, key: str, amount: int | None = 1) -> None:
        """Have an agent change a key, and the brokers confirm it."""
        self.process.process(offset, [(key, amount)], agent="orders", tp=ORDERS)
        await self.confirm()

    async def payments(self, offset: int, key: str, amount: int | None = 1) -> None:
        """The same by another agent."""
        self.process.process(offset, [(key, amount)], agent="payments", tp=PAYMENTS)
        await self.confirm()

    async def nobody(self, key: str, value: int) -> None:
        """The same by a task of a body, of which nobody knows which event it is about."""
        with self.process.turn(0):
            self.process.author = None
            self.process.table[key] = value
        await self.confirm()

    async def somebody_else(self, key: str, value: int) -> None:
        """Have another process write to the changelog."""
        sent = FakeSent(b'"%b"' % key.encode(), b"%d" % value, ())
        self.process.outbox.sents.append(sent)
        await self.confirm()

    async def confirm(self) -> None:
        if self.is_held:
            return
        if self.is_fast:
            # What is in the air first: a flush waits for it.
            await self.process.confirm_posted(len(self.process.outbox.sents))
            await self.process.flush()
        else:
            self.process.confirm(len(self.process.sent))

    def has(self) -> dict[str, int]:
        return self.process.contents()

    def changelog_has(self) -> dict[str, int]:
        """What a new reader has."""
        return Process(changelog=self.process.changelog(), is_fast=self.is_fast).contents()


@asynccontextmanager
async def working(*, is_fast: bool = True) -> AsyncIterator[Worker]:
    worker = Worker(is_fast=is_fast)
    tasks = [
        asyncio.ensure_future(task.fun(worker.recovery))
        for task in (Recovery._slurp_changelogs, Recovery._restart_recovery)
    ]
    await worker.rebalance()
    try:
        yield worker
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("is_fast", [True, False], ids=["fast", "plain"])
def test_second_source_has_changed_a_key_since(is_fast: bool) -> None:
    async def scenario() -> None:
        async with working(is_fast=is_fast) as worker:
            await worker.orders(5, "K")
            for offset in range(7, 20):
                await worker.payments(offset, "K")
            await worker.payments(20, "L")
            await worker.payments(21, "L")
            await worker.rebalance()
            assert worker.has() == worker.changelog_has() == {"K": 14, "L": 2}
            assert worker.consumer.reads == []

    run(scenario)


def test_second_source_has_deleted_a_key_since() -> None:
    async def scenario() -> None:
        async with working() as worker:
            await worker.orders(5, "K")
            await worker.payments(7, "K", None)
            await worker.payments(8, "L")
            await worker.payments(9, "L")
            await worker.rebalance()
            assert worker.has() == worker.changelog_has() == {"L": 2}

    run(scenario)


def test_task_of_a_body_has_changed_a_key_first() -> None:
    async def scenario() -> None:
        async with working() as worker:
            await worker.nobody("K", 1)
            await worker.orders(5, "K", 10)
            await worker.orders(6, "L")
            await worker.orders(7, "L")
            await worker.rebalance()
            assert worker.has() == worker.changelog_has() == {"K": 11, "L": 2}

    run(scenario)


def test_what_others_have_written_behind_it_is_read() -> None:
    async def scenario() -> None:
        async with working() as worker:
            await worker.orders(5, "K")
            await worker.somebody_else("L", 7)
            await worker.rebalance()
            assert worker.has() == worker.changelog_has() == {"K": 1, "L": 7}
            assert worker.consumer.reads == [(1, 1)]

    run(scenario)


def test_it_is_read_from_its_beginning_where_others_have_written_in_between() -> None:
    async def scenario() -> None:
        async with working() as worker:
            await worker.orders(5, "K")
            await worker.somebody_else("L", 7)
            await worker.orders(6, "K")
            await worker.rebalance()
            assert worker.has() == worker.changelog_has() == {"K": 2, "L": 7}
            assert worker.consumer.reads == [(0, 2)]
            await worker.orders(7, "K")
            await worker.rebalance()
            assert worker.has() == worker.changelog_has() == {"K": 3, "L": 7}
            assert worker.consumer.reads == [(0, 2)]

    run(scenario)


def test_key_is_changed_while_older_records_of_it_are_read() -> None:
    async def scenario() -> None:
        async with working() as worker:
            await worker.somebody_else("K", 1)
            worker.consumer.at_resume = lambda: worker.nobody("K", 2)
            await worker.rebalance()
            assert worker.has() == worker.changelog_has() == {"K": 2}

    run(scenario)


@pytest.mark.parametrize("held", [0.0, 0.5])
@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_before(seed: int, held: float) -> None:
    async def scenario() -> None:
        chance = random.Random(seed)
        steps = {"orders": 9, "payments": 9, "nobody": 2, "somebody_else": 1, "rebalance": 3}
        offsets = {"orders": 0, "payments": 0}
        async with working() as worker:
            for _ in range(60):
                what = chance.choices([*steps], [*steps.values()])[0]
                key, number = chance.choice("ABCDE"), chance.randrange(100)
                worker.is_held = chance.random() < held
                if chance.random() < held and all(sent.done() for sent in worker.process.outbox.sents):
                    await worker.process.app.tables.flush()
                if what == "rebalance":
                    await worker.rebalance()
                    worker.is_held = False
                    await worker.confirm()
                    assert worker.has() == worker.changelog_has()
                elif what in offsets:
                    offsets[what] += 1
                    await getattr(worker, what)(offsets[what], key, chance.choice([1, 2, None]))
                else:
                    await getattr(worker, what)(key, number)

    run(scenario)
