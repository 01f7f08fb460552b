"""A record that waits is sent also where the client has heard of its topic by chance, and asks for others then."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from framework.streams.sending.outbox import Outbox
from framework.streams.sending.remembering import remember_topics
from tests.support.both_paths_broker import BrokerSide

pytestmark = pytest.mark.broker

WITHIN = 10.0
"""Seconds; aiokafka would try until its records expire, which is after forty by default and after 1,200 in Faust."""


@asynccontextmanager
async def knowing_all(broker: BrokerSide, *, remembers: bool) -> AsyncIterator[Any]:
    """A producer that has asked for all topics, as it does while it has none to ask for."""
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, request_timeout_ms=int(WITHIN) * 2000)
    if remembers:
        remember_topics(producer)
    await producer.start()
    try:
        await producer.client.force_metadata_update()
        yield producer
    finally:
        # Not `stop`, which would wait for what is never sent.
        producer._closed = True
        await producer._sender.close()
        await producer.client.close()


async def send(way: str, producer: Any, topic: str) -> Any:
    """Send one record the client's way, or append it as tables and outputs do; gives what is to be awaited."""
    if way == "sent":
        return await producer.send(topic, b"x", partition=0)
    outbox = Outbox()
    outbox.attach(producer)
    return await outbox.post(topic, 0, b"k", b"x")


async def is_sent(way: str, broker: BrokerSide, topic: str, other: str, *, remembers: bool, within: float) -> bool:
    """Whether a record arrives that waits while another topic comes to be known."""
    async with knowing_all(broker, remembers=remembers) as producer:
        # As while another request is under way.
        producer._sender._muted_partitions.add(TopicPartition(topic, 0))
        sent = await send(way, producer, topic)
        await producer.client.add_topic(other)
        producer._sender._muted_partitions.clear()
        await producer.send(other, b"x", partition=0)
        waiting = asyncio.ensure_future(_awaited(sent))
        await asyncio.wait([waiting], timeout=within)
        is_done = waiting.done()
        waiting.cancel()
        return is_done


async def _awaited(sent: Any) -> None:
    await sent


@pytest.fixture
def topics(broker: BrokerSide, unique_name: str) -> list[str]:
    found = [f"{unique_name}-{name}" for name in ("first", "other")]
    broker.create(found, partitions=1)
    return found


@pytest.mark.parametrize("way", ["sent", "appended"])
def test_record_that_waits_is_sent(way: str, broker: BrokerSide, topics: list[str]) -> None:
    assert asyncio.run(is_sent(way, broker, *topics, remembers=True, within=WITHIN))


def test_aiokafka_forgets(broker: BrokerSide, topics: list[str]) -> None:
    """Where this fails `remember_topics` is not needed any more."""
    assert not asyncio.run(is_sent("sent", broker, *topics, remembers=False, within=2.0))
