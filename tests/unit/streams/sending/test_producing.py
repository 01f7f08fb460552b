"""What synchronous code queued is with the client, in order, before a commit goes on."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import RecordTooLargeError
from faust.exceptions import ProducerSendError

from framework.streams.sending.producing import Producer, ProducerBuffer
from tests.unit.membership.apps import offline_app
from tests.unit.streams.fakes import run, settle
from tests.unit.streams.offline_client import offline_client


class Channel:
    """A fake of a topic before a fake client: `taken` is what the client took; it takes while `taking` is open."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.offered: list[int] = []
        self.taking = asyncio.Event()
        self.taking.set()

    async def publish_message(self, message: Any, wait: bool) -> None:
        self.offered.append(message.number)
        await self.taking.wait()
        self.taken.append(message.number)

    def message(self, number: int) -> Any:
        return SimpleNamespace(number=number, message=SimpleNamespace(channel=self))


def buffer_of() -> ProducerBuffer:
    buffer = ProducerBuffer(loop=asyncio.get_running_loop())
    buffer.app = SimpleNamespace(conf=SimpleNamespace(producer_threaded=False))
    return buffer


def put(buffer: ProducerBuffer, channel: Channel, *numbers: int) -> None:
    for number in numbers:
        buffer.put(channel.message(number))


def test_flush_of_an_empty_buffer_ends_at_once() -> None:
    async def scenario() -> None:
        async with buffer_of() as buffer:
            await buffer.flush()

    run(scenario)


def test_flush_waits_for_all_and_keeps_the_order() -> None:
    async def scenario() -> None:
        channel = Channel()
        async with buffer_of() as buffer:
            put(buffer, channel, *range(20))
            await buffer.flush()
            assert channel.taken == list(range(20))

    run(scenario)


def test_flush_waits_for_the_one_that_is_being_handed_over() -> None:
    async def scenario() -> None:
        channel = Channel()
        async with buffer_of() as buffer:
            channel.taking.clear()
            put(buffer, channel, 1)
            await settle()
            assert channel.offered == [1]
            assert buffer.size == 0
            flushing = asyncio.ensure_future(buffer.flush())
            await asyncio.sleep(0.15)  # Faust's own gives up after 0.1 s
            assert not flushing.done()
            channel.taking.set()
            await flushing
            assert channel.taken == [1]

    run(scenario)


def test_flush_ends_although_more_is_put() -> None:
    async def scenario() -> None:
        channel = Channel()
        async with buffer_of() as buffer:

            async def go_on() -> None:
                number = 1
                while True:
                    put(buffer, channel, number, number + 1)
                    number += 2
                    await asyncio.sleep(0)

            put(buffer, channel, 0)
            going_on = asyncio.ensure_future(go_on())
            await asyncio.wait_for(buffer.flush(), 1.0)
            going_on.cancel()
            assert channel.taken[0] == 0

    run(scenario)


def test_two_flushes_at_once() -> None:
    async def scenario() -> None:
        channel = Channel()
        async with buffer_of() as buffer:
            put(buffer, channel, 1, 2)
            first = asyncio.ensure_future(buffer.flush())
            put(buffer, channel, 3, 4)
            await asyncio.wait_for(asyncio.gather(first, buffer.flush()), 1.0)
            assert channel.taken == [1, 2, 3, 4]

    run(scenario)


def test_ebb_waits_until_no_more_than_the_maximum_was_queued() -> None:
    async def scenario() -> None:
        channel = Channel()
        async with buffer_of() as buffer:
            buffer.max_messages = 3
            channel.taking.clear()
            put(buffer, channel, 1, 2, 3)
            await asyncio.wait_for(buffer.wait_until_ebb(), 1.0)
            put(buffer, channel, 4)
            waiting = asyncio.ensure_future(buffer.wait_until_ebb())
            await settle()
            assert not waiting.done()
            channel.taking.set()
            await asyncio.wait_for(waiting, 1.0)

    run(scenario)


def test_stop_hands_over_the_rest_in_order() -> None:
    async def scenario() -> None:
        channel = Channel()
        buffer = buffer_of()
        await buffer.start()
        await settle()
        put(buffer, channel, *range(5))
        await buffer.stop()
        assert channel.taken == list(range(5))

    run(scenario)


def test_stop_waits_for_the_one_that_is_being_handed_over() -> None:
    async def scenario() -> None:
        channel = Channel()
        buffer = buffer_of()
        await buffer.start()
        channel.taking.clear()
        put(buffer, channel, *range(5))
        await settle()
        stopping = asyncio.ensure_future(buffer.stop())
        await settle()
        assert channel.offered == [0]
        channel.taking.set()
        await asyncio.wait_for(stopping, 5.0)
        assert channel.taken == list(range(5))

    run(scenario)


def test_the_producer_of_an_app_has_this_buffer() -> None:
    async def scenario() -> None:
        producer = offline_app()._new_producer()
        assert isinstance(producer, Producer)
        assert isinstance(producer.buffer, ProducerBuffer)
        assert producer.buffer.app is producer.app

    run(scenario)


def test_flush_includes_the_outbox() -> None:
    async def scenario() -> None:
        async with offline_client() as client:
            producer = offline_app()._new_producer()
            producer._producer = client
            producer.outbox.attach(client)
            sent = producer.outbox.post_now("flights", 0, b"k", b"v")
            flushing = asyncio.ensure_future(producer.flush())
            await settle()
            assert not flushing.done()
            client.take()[0].fail(RecordTooLargeError())
            with pytest.raises(ProducerSendError, match="RecordTooLarge"):
                await flushing
            assert sent.exception() is not None
            await producer.flush()

    run(scenario)


def test_stop_waits_for_brokers_no_longer_than_a_stop_may_take(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with offline_client() as client:
            producer = offline_app(shutdown_grace=0.01)._new_producer()
            producer._producer = client
            producer.outbox.attach(client)
            producer.outbox.post_now("flights", 0, b"k", b"v")
            client._sender._sender_task = asyncio.get_running_loop().create_future()
            await producer.on_stop()
            assert "Stopped with 1 batches unsent" in caplog.text
            assert producer.outbox.post_now("flights", 0, b"k", b"v") is None
            client.take()[0].done(0)
            await settle()

    run(scenario)
