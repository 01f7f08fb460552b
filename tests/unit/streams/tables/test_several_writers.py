"""A changelog partition to which several workers write, one after the other or at once: all readers hold the same."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from faust.events import Event
from faust.types import TP

from tests.unit.streams.fakes import run, settle
from tests.unit.streams.tabled import CHANGELOG, Process, message_of

ORDERS = TP("orders", 0)


class Shared:
    """The changelog of a table to which two workers, `a` and `b`, write, and which each of them reads back."""

    def __init__(self, folder: Path | None) -> None:
        self.log: list[Any] = []
        self._folder = folder
        self._arrived: dict[Process, list[int]] = {}
        self._read: dict[Process, int] = {}
        self.a, self.b = self._worker("a"), self._worker("b")

    def _worker(self, name: str) -> Process:
        folder = None if self._folder is None else self._folder / name
        worker = Process(is_fast=True, kind="GlobalTable", folder=folder)
        worker.table.use_partitioner = True
        return worker

    async def change(self, worker: Process, offset: int, key: str, amount: int) -> None:
        """Have a worker change a key for an event of its own partition, and the brokers confirm it."""
        worker.process(offset, [(key, amount)], tp=TP("flights", 0 if worker is self.a else 1))
        await worker.app.tables.flush()
        await self.all_of(worker)

    async def all_of(self, worker: Process) -> None:
        """Have all that a worker has posted arrive, and be confirmed."""
        self.arrive(worker, len(worker.outbox.sents))
        await self.confirm(worker)

    def is_in_the_air(self, worker: Process) -> bool:
        """Whether something is posted and not confirmed; a flush waits for it."""
        return any(not sent.done() for sent in worker.outbox.sents)

    def arrive(self, worker: Process, count: int) -> None:
        """Have so many records that a worker has posted arrive in the changelog."""
        arrived = self._arrived.setdefault(worker, [])
        for sent in worker.outbox.sents[len(arrived) : len(arrived) + count]:
            arrived.append(len(self.log))
            self.log.append(message_of(CHANGELOG, len(self.log), key=sent.key, value=sent.value, headers=sent.headers))

    async def confirm(self, worker: Process) -> None:
        """Have the brokers confirm what has arrived."""
        for sent, offset in zip(worker.outbox.sents, self._arrived.get(worker, ()), strict=False):
            if not sent.done():
                sent.confirm(offset)
        await settle(20)

    def read(self, worker: Process, count: int | None = None) -> None:
        """Have a worker read what it has not read yet, up to this many records of the whole."""
        start = self._read.get(worker, 0)
        end = len(self.log) if count is None else max(start, count)
        for message in self.log[start:end]:
            worker.table.apply_changelog_batch(
                [Event(worker.app, worker._key(message), worker._value(message), {}, message)]
            )
        self._read[worker] = end

    def everywhere(self) -> list[dict[str, int]]:
        """What each of them has when it has read all, and a third one that reads the changelog anew."""
        self.read(self.a)
        self.read(self.b)
        third = self._worker("third")
        third.recover(self.log)
        found = [worker.contents() for worker in (self.a, self.b, third)]
        for worker in (self.a, self.b, third):
            worker.kill()
        return found


@pytest.fixture(params=["memory", "disk"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path if request.param == "disk" else None


def test_change_of_what_somebody_else_has_told_to_be_complete(folder: Path | None) -> None:
    async def scenario() -> None:
        shared = Shared(folder)
        await shared.change(shared.b, 5, "K", 1)
        shared.read(shared.a)
        await shared.change(shared.b, 9, "L", 1)
        await shared.change(shared.a, 100, "K", 10)
        assert shared.everywhere() == [{"K": 11, "L": 1}] * 3

    run(scenario)


def test_own_change_is_read_back_behind_that_of_somebody_else(folder: Path | None) -> None:
    async def scenario() -> None:
        shared = Shared(folder)
        await shared.change(shared.b, 1, "K", 7)
        await shared.change(shared.a, 1, "K", 100)
        await shared.change(shared.a, 2, "L", 1)
        shared.read(shared.a, 1)
        assert shared.a.contents() == {"K": 100, "L": 1}, "the other's is older in the changelog"
        assert shared.everywhere() == [{"K": 100, "L": 1}] * 3

    run(scenario)


@pytest.mark.parametrize("is_confirmed_first", [False, True])
def test_own_changes_lie_on_both_sides_of_what_somebody_else_has_written(
    folder: Path | None, is_confirmed_first: bool
) -> None:
    async def scenario() -> None:
        shared = Shared(folder)
        shared.a.process(1, [("K", 1), ("Z", 1)])
        await shared.a.app.tables.flush()
        shared.arrive(shared.a, 1)
        await shared.change(shared.b, 1, "K", 2)
        shared.arrive(shared.a, 1)
        if is_confirmed_first:
            await shared.confirm(shared.a)
        shared.read(shared.a)
        await shared.confirm(shared.a)
        assert shared.everywhere() == [{"K": 2, "Z": 1}] * 3

    run(scenario)


@pytest.mark.parametrize("seed", range(30))
def test_all_hold_the_same_whatever_comes_when(folder: Path | None, seed: int) -> None:
    async def scenario() -> None:
        chance = random.Random(seed)
        shared = Shared(folder)
        offsets = {shared.a: 0, shared.b: 0}
        for _ in range(80):
            worker = chance.choice([shared.a, shared.b])
            match chance.choice(["change", "flush", "arrive", "arrive", "confirm", "read"]):
                case "change":
                    offsets[worker] += 1
                    key = chance.choice("KLMN")
                    tp = TP("flights", 0 if worker is shared.a else 1)
                    worker.process(offsets[worker], [(key, chance.choice([1, 2, None]))], tp=tp)
                case "flush" if not shared.is_in_the_air(worker):
                    await worker.app.tables.flush()
                case "arrive":
                    shared.arrive(worker, 1)
                case "confirm":
                    await shared.confirm(worker)
                case "read":
                    shared.read(worker, chance.randint(0, len(shared.log)))
        for worker in (shared.a, shared.b):
            await shared.all_of(worker)
            await worker.app.tables.flush()
            await shared.all_of(worker)
        found = shared.everywhere()
        assert found[0] == found[1] == found[2]

    run(scenario)


def test_own_change_that_is_read_back_late_takes_nothing_back(folder: Path | None) -> None:
    async def scenario() -> None:
        shared = Shared(folder)
        for offset in range(3):
            await shared.change(shared.a, offset, "K", 1)
        for count in (1, 2, 3):
            shared.read(shared.a, count)
            assert shared.a.contents() == {"K": 3}
        await shared.change(shared.b, 0, "K", 10)
        assert shared.everywhere() == [{"K": 10}] * 3, "b has not read what a has written"

    run(scenario)


def test_former_owner_follows_what_another_source_changes(tmp_path: Path) -> None:
    """What it was confirmed last is ahead of what its changelog says."""

    async def scenario() -> None:
        former = Process(folder=tmp_path, is_fast=True)
        former.process(4, [("z", 1)])
        await former.flush()
        former.process(5, [("K", 1)])
        former.process(6, [("z", 1)])
        await former.flush()
        owner = Process(changelog=former.changelog(), is_fast=True)
        owner.process(0, [("K", 10)], agent="others", tp=ORDERS)
        await owner.flush()
        former.app.tables.change_role(CHANGELOG)
        former.recover(owner.changelog())
        assert former.contents() == owner.contents() == {"K": 11, "z": 2}
        former.kill()

    run(scenario)


def test_late_records_of_an_owner_that_was_cut_off_change_nothing(folder: Path | None) -> None:
    async def scenario() -> None:
        cut_off = Process(is_fast=True)
        cut_off.process(0, [("K", 1)])
        await cut_off.flush()
        early = cut_off.changelog()
        cut_off.process(1, [("K", 1)])
        await cut_off.flush()
        late = cut_off.changelog()[len(early) :]
        owner = Process(changelog=early, is_fast=True)
        for offset in range(1, 4):
            owner.process(offset, [("K", 1)])
        await owner.flush()
        log = [*early, *owner.changelog(), *late]
        reader = Process(changelog=log, is_fast=True, folder=folder)
        assert reader.contents() == owner.contents() == {"K": 4}
        reader.kill()

    run(scenario)


@pytest.mark.parametrize("value", [0, False, "", [], {}])
def test_false_value_behind_a_deletion_is_recovered(value: Any, folder: Path | None) -> None:
    async def scenario() -> None:
        worker = Process(is_fast=True)
        worker.table.partition_for_key = lambda key: 0
        for offset, change in enumerate((5, None, value)):
            with worker.turn(offset):
                if change is None:
                    del worker.table["k"]
                else:
                    worker.table["k"] = change
            await worker.flush()
        again = Process(changelog=worker.changelog(), is_fast=True, folder=folder)
        assert again.contents() == worker.contents() == {"k": value}
        again.kill()

    run(scenario)


def test_nothing_is_stored_behind_what_could_not_be_stored(tmp_path: Path) -> None:
    """The store would say that it has all up to the offset of the later one."""

    async def scenario() -> None:
        worker = Process(folder=tmp_path, is_fast=True)
        crashes: list[BaseException] = []

        async def crash(error: BaseException) -> None:
            crashes.append(error)

        def full(*_: Any) -> None:
            store._write = write
            raise OSError("No space left on device")

        worker.app.tables.flushing._on_failure = crash
        store = worker.table.data
        store._db_for_partition(0)
        write, store._write = store._write, full
        worker.process(0, [("a", 1)])
        await worker.app.tables.flush()
        worker.process(1, [("b", 1)])
        second = asyncio.ensure_future(worker.app.tables.flush())
        await settle(5)
        await worker.confirm_posted(1)
        await settle(20)
        assert [type(error).__name__ for error in (*crashes, second.exception())] == ["ProducerSendError"] * 2
        await worker.confirm_posted(2)
        log = worker.changelog()
        worker.kill()
        again = Process(folder=tmp_path, is_fast=True, changelog=log)
        assert again.contents() == Process(changelog=log, is_fast=True).contents()
        again.kill()

    run(scenario)
