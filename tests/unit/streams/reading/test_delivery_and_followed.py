"""Records that agents wait for do not stand behind thousands of a changelog that is only followed; none is skipped."""

import asyncio
from collections.abc import Callable, Iterable

import pytest

from framework.streams.reading import delivery
from tests.unit.streams.fakes import CHANGELOG, FLIGHTS, FakeKafka, Worker, run, settle

MANY = 3000


async def following(flights: Iterable[int]) -> Worker:
    worker = Worker(FakeKafka(**{CHANGELOG.topic: range(MANY), "flights": flights}))
    worker.app.tables.followed = frozenset({CHANGELOG})
    await worker.start(FLIGHTS, CHANGELOG)
    worker.resume_partitions({CHANGELOG})
    worker.resume_flow()
    return worker


async def until_all_is_there(worker: Worker) -> None:
    for _ in range(400):
        if len(worker.app.offsets(CHANGELOG)) >= MANY:
            return
        await asyncio.sleep(0.01)


def test_what_agents_wait_for_comes_first() -> None:
    async def scenario() -> None:
        worker = await following(range(50))
        while len(worker.app.offsets(FLIGHTS)) < 50:
            await asyncio.sleep(0)
        assert len(worker.app.offsets(CHANGELOG)) < MANY / 2
        await until_all_is_there(worker)
        assert worker.app.offsets(CHANGELOG) == list(range(MANY))
        assert worker.app.offsets(FLIGHTS) == list(range(50))
        await worker.kill()

    run(scenario)


def test_what_waits_when_the_flow_stops_is_read_again() -> None:
    async def scenario() -> None:
        worker = await following(range(1))
        while not worker.app.offsets(CHANGELOG):
            await asyncio.sleep(0)
        worker.stop_reading()
        await settle()
        worker.resume_flow()
        await until_all_is_there(worker)
        await settle(200)
        # The one that was being put into the queue when the flow stopped comes again; recovery knows its offset.
        seen = worker.app.offsets(CHANGELOG)
        assert seen == sorted(seen)
        assert sorted(set(seen)) == list(range(MANY))
        assert len(seen) <= MANY + 1
        await worker.kill()

    run(scenario)


def test_what_waits_when_its_position_is_set_is_dropped() -> None:
    async def scenario() -> None:
        worker = await following(range(1))
        while not worker.app.offsets(CHANGELOG):
            await asyncio.sleep(0)
        await worker.seek_wait({CHANGELOG: MANY - 2})
        await settle(400)
        assert worker.app.offsets(CHANGELOG)[-2:] == [MANY - 2, MANY - 1]
        seen = worker.app.offsets(CHANGELOG)
        assert len(seen) < MANY
        await worker.kill()

    run(scenario)


async def assigned() -> Worker:
    worker = Worker(FakeKafka(**{CHANGELOG.topic: range(4), "flights": range(4)}))
    worker.read()
    await worker.assign(FLIGHTS, CHANGELOG)
    return worker


def test_a_changelog_is_fetched_from_when_it_is_resumed_until_it_is_paused() -> None:
    async def scenario() -> None:
        worker = await assigned()
        assert worker.client.paused == {CHANGELOG}
        worker.resume_partitions({FLIGHTS, CHANGELOG})
        await settle()
        assert worker.client.paused == set()
        worker.pause_partitions({FLIGHTS, CHANGELOG})
        await settle()
        assert worker.client.paused == {CHANGELOG}
        await worker.kill()

    run(scenario)


def test_one_that_is_only_followed_is_fetched_a_bit_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "FOLLOW_AFTER", 0.05)

    async def scenario() -> None:
        worker = await assigned()
        worker.app.tables.standby_tps = frozenset({CHANGELOG})
        worker.resume_partitions({CHANGELOG})
        await settle()
        assert worker.client.paused == {CHANGELOG}
        async with asyncio.timeout(5.0):
            while worker.client.paused:
                await asyncio.sleep(0)
        await worker.kill()

    run(scenario)


def pause(worker: Worker) -> None:
    worker.pause_partitions({CHANGELOG})


def stop(worker: Worker) -> None:
    worker._stopped.set()


@pytest.mark.parametrize("end", [pause, stop])
def test_one_that_is_paused_or_stopped_meanwhile_stays_so(
    monkeypatch: pytest.MonkeyPatch, end: Callable[[Worker], None]
) -> None:
    monkeypatch.setattr(delivery, "FOLLOW_AFTER", 0.0)

    async def scenario() -> None:
        worker = await assigned()
        worker.app.tables.standby_tps = frozenset({CHANGELOG})
        worker.resume_partitions({CHANGELOG})
        end(worker)
        await settle()
        assert worker.client.paused == {CHANGELOG}
        await worker.kill()

    run(scenario)
