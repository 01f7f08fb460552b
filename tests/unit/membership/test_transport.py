"""What the membership asks of the consumer."""

import asyncio
import time

from framework.streams.lease import Lease
from tests.unit.streams.fakes import FLIGHTS, FakeKafka, Worker, run, settle


def test_it_has_progressed_if_records_were_finished_since_it_was_asked() -> None:
    async def scenario() -> None:
        worker = Worker(FakeKafka(flights=range(4)))
        await worker.start(FLIGHTS)
        assert not worker.has_progressed()
        worker.begin(0)
        assert not worker.has_progressed()
        worker.finish(0)
        assert worker.has_progressed()
        assert not worker.has_progressed()
        worker.process(1, 2)
        assert worker.has_progressed()
        assert not worker.has_progressed()
        await worker.kill()

    run(scenario)


def test_it_has_progressed_also_when_the_count_has_begun_anew() -> None:
    async def scenario() -> None:
        worker = Worker(FakeKafka(flights=range(8)))
        worker._commit_every = 2
        worker.client.batch = 2
        await worker.start(FLIGHTS)
        worker.process(0, 1)
        assert worker.has_progressed()
        worker.client.batch = 2
        await asyncio.sleep(0.05)  # commits, and counts from 0 again
        worker.process(2, 3)
        assert worker.has_progressed()
        await worker.kill()

    run(scenario)


def test_revoke_finishes_what_is_begun_and_commits_it() -> None:
    async def scenario() -> None:
        kafka = FakeKafka(flights=range(4))
        worker = Worker(kafka)
        await worker.start(FLIGHTS)
        worker.begin(0, 1)
        revoking = asyncio.ensure_future(worker.revoke())
        await settle()
        assert not revoking.done()
        worker.finish(0, 1)
        await revoking
        assert kafka.committed[FLIGHTS] == 2
        await worker.kill()

    run(scenario)


def test_revoke_while_the_app_stops_waits_for_the_last_commit() -> None:
    async def scenario() -> None:
        kafka = FakeKafka(flights=range(4))
        worker = Worker(kafka)
        await worker.start(FLIGHTS)
        worker.process(0, 1)
        worker.app.should_stop = True
        revoking = asyncio.ensure_future(worker.revoke())
        await settle()
        assert not revoking.done()
        await worker.on_stop()
        await revoking
        assert kafka.committed[FLIGHTS] == 2
        await worker.kill()

    run(scenario)


def test_a_lost_membership_is_told_to_the_app() -> None:
    async def scenario() -> None:
        worker = Worker(FakeKafka(flights=[]))
        error = RuntimeError("lost")
        worker.on_membership_failure(error)
        assert worker.app.failures == [error]

    run(scenario)


def test_what_the_member_confirms_reaches_the_lease() -> None:
    async def scenario() -> None:
        worker = Worker(FakeKafka(flights=range(4)))
        worker.app.lease = lease = Lease()
        lease.set_duration(60.0, time.monotonic() - 59.0)
        assert worker.may_emit()
        lease.entry_confirmed(time.monotonic(), time.monotonic())
        worker.on_confirmed(time.monotonic())
        assert lease.is_held(time.monotonic() + 50.0)
        assert not lease.is_held(time.monotonic() + 70.0)
        assert not worker.may_emit()

    run(scenario)
