"""A record that could not be sent ends the worker soon, whoever has sent it, and no stop is cut short by it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka.errors import RecordTooLargeError
from faust.exceptions import ProducerSendError
from mode import Service

from framework.streams.sending.producing import Producer
from tests.unit.membership.apps import offline_app
from tests.unit.streams.fakes import FLIGHTS, run, settle
from tests.unit.streams.feeding import Feeding, fed
from tests.unit.streams.offline_client import OfflineClient, offline_client
from tests.unit.streams.reading.test_batches import reading


@asynccontextmanager
async def producing(app: Any) -> AsyncIterator[OfflineClient]:
    """Give an app the real producer on a client without a broker."""
    async with offline_client() as client:
        producer = Producer(app._new_producer_transport())
        producer._producer = client
        producer.outbox.attach(client)
        app._producer = producer
        yield client


async def lose_one(app: Any, client: OfflineClient) -> None:
    """Send as a timer does, which awaits nothing, and have the broker refuse it."""
    app.producer.outbox.post_now("flights", 0, b"k", b"v")
    client.take()[0].fail(RecordTooLargeError())
    await settle()


@pytest.mark.parametrize("has_records", [False, True])
def test_worker_ends_at_the_next_commit_though_there_is_nothing_to_commit(has_records: bool) -> None:
    async def scenario() -> None:
        async with fed() as feeding, producing(feeding.app) as client:
            await reading(feeding)
            await feeding.consumer.commit()
            assert feeding.crashes == []
            await lose_one(feeding.app, client)
            if has_records:
                await finish_some(feeding)
            assert await feeding.consumer.commit() is False
            assert [type(error) for error in feeding.crashes] == [ProducerSendError]
            assert feeding.committed == {}

    run(scenario)


async def finish_some(feeding: Feeding) -> None:
    feeding.app._producer.buffer.wait_until_ebb = settle
    feeding.feed(0, 1)
    await settle()
    assert feeding.committable() == 2


def test_failure_that_somebody_has_looked_at_ends_nothing() -> None:
    async def scenario() -> None:
        async with fed() as feeding, producing(feeding.app) as client:
            await reading(feeding)
            sent = feeding.app.producer.outbox.post_now("flights", 0, b"k", b"v")
            client.take()[0].fail(RecordTooLargeError())
            assert isinstance(sent.exception(), RecordTooLargeError)
            await finish_some(feeding)
            await feeding.consumer.commit()
            assert (feeding.crashes, feeding.committed) == ([], {FLIGHTS: 2})

    run(scenario)


class Child(Service):
    """Stands for the consumer: a service of the app that has to be stopped."""

    has_stopped = False

    async def on_stop(self) -> None:
        self.has_stopped = True


def test_stop_goes_to_its_end_and_tells_it_then(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        app: Any = offline_app()
        async with producing(app) as client:
            await lose_one(app, client)
            child = app.add_dependency(Child())
            await app.stop()
            assert child.has_stopped
            assert isinstance(app.crash_reason, ProducerSendError)
            # A crash would have ended the consumer's thread beside the stop.
            assert not app._crashed.is_set()
            assert "The stop goes on, though something was lost: 1 of the records for flights[0]" in caplog.text

    run(scenario)


def test_last_commit_of_a_stop_that_has_lost_something_is_none() -> None:
    async def scenario() -> None:
        async with fed() as feeding, producing(feeding.app) as client:
            await reading(feeding)
            await finish_some(feeding)
            await lose_one(feeding.app, client)
            feeding.app._stopped.set()
            await feeding.consumer.wait_empty()
            assert (feeding.crashes, feeding.committed) == ([], {})
            assert isinstance(feeding.app.crash_reason, ProducerSendError)

    run(scenario)


def test_revoke_goes_to_its_end_and_the_worker_crashes() -> None:
    async def scenario() -> None:
        async with fed() as feeding, producing(feeding.app) as client:
            await lose_one(feeding.app, client)
            await feeding.app._producer_flush(feeding.app.log)
            assert [type(error) for error in feeding.crashes] == [ProducerSendError]

    run(scenario)
