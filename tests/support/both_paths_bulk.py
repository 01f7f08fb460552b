"""Numbered records in bulk: written as whole batches and read back as numbers, a few microseconds each."""

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tests.support.both_paths_broker import BrokerSide

Make = Callable[[int, int], tuple[bytes, bytes]]
"""Key and value of a record, from its partition and its number."""

BATCH = 8 * 1024
"""Bytes of a batch, unless said otherwise: so few that slices begin and end everywhere."""

Numbers = dict[int, list[int]]
"""`{partition: numbers in the order of its log}`."""


def regrouped(group_id: str) -> str:
    """The topic of `group_by` in the apps that read so much.

    A test makes it itself: where the worker does, the group rebalances once more as soon as the topic is seen.
    """
    return f"{group_id}-regrouped-{group_id}-group-by-account-repartition"


def write(
    broker: BrokerSide, topics: Iterable[str], numbers: range, make: Make, *, partitions: int = 2, batch: int = BATCH
) -> None:
    """Write records with these numbers to each partition of some topics, in order, and wait for the broker."""
    asyncio.run(_write(broker.bootstrap_servers, list(topics), numbers, make, partitions, batch))


async def _write(address: str, topics: list[str], numbers: range, make: Make, partitions: int, size: int) -> None:
    async with AIOKafkaProducer(bootstrap_servers=address, max_batch_size=size) as producer:
        for topic in topics:
            for partition in range(partitions):
                await _write_one(producer, topic, partition, (make(partition, n) for n in numbers))
        await producer.flush()


async def _write_one(producer: Any, topic: str, partition: int, records: Iterable[tuple[bytes, bytes]]) -> None:
    batch = producer.create_batch()
    for key, value in records:
        if batch.append(key=key, value=value, timestamp=None) is None:
            await producer.send_batch(batch, topic, partition=partition)
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None)
    await producer.send_batch(batch, topic, partition=partition)


def read_numbers(broker: BrokerSide, topic: str, *, partitions: int = 2) -> Numbers:
    """The numbers that are the values of a topic, as JSON."""
    return asyncio.run(_read_numbers(broker.bootstrap_servers, [TopicPartition(topic, n) for n in range(partitions)]))


async def _read_numbers(address: str, partitions: list[TopicPartition]) -> Numbers:
    async with AIOKafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest") as consumer:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found: Numbers = {partition.partition: [] for partition in partitions}
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for partition, records in (await consumer.getmany(timeout_ms=200)).items():
                found[partition.partition] += [json.loads(record.value) for record in records]
        return found
