"""The changelog of a table with JSON keys and values: read as whoever recovers from it, and written in bulk."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaProducer
from kafka import KafkaConsumer, TopicPartition

BATCH = 512 * 1024
"""Bytes of one batch that is written in bulk."""


def changelog_of(group_id: str, table: str) -> str:
    """Name of the changelog of one of an app's tables."""
    return f"{group_id}-{table}-changelog"


def table_in(bootstrap_servers: str, topic: str) -> dict[Any, Any]:
    """What a table is by its changelog: `{key: last value}`, without what was deleted.

    Raises:
        AssertionError: a key stands in two partitions.
    """
    table: dict[Any, Any] = {}
    places: dict[Any, int] = {}
    consumer = KafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False)
    try:
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            for partition, records in consumer.poll(timeout_ms=200).items():
                for record in records:
                    key = json.loads(record.key)
                    assert places.setdefault(key, partition.partition) == partition.partition, f"{key} is in two places"
                    table[key] = None if record.value is None else json.loads(record.value)
    finally:
        consumer.close(autocommit=False)
    return {key: value for key, value in table.items() if value is not None}


def fill(bootstrap_servers: str, topic: str, tables: Mapping[int, Mapping[Any, Any]]) -> None:
    """Write a changelog as the app would have, `{partition: {key: value}}`; the topic must exist."""
    asyncio.run(_fill(bootstrap_servers, topic, tables))


async def _fill(bootstrap_servers: str, topic: str, tables: Mapping[int, Mapping[Any, Any]]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, max_batch_size=BATCH) as producer:
        for partition, table in tables.items():
            batch = producer.create_batch()
            for key, value in table.items():
                record = {"key": json.dumps(key).encode(), "value": json.dumps(value).encode(), "timestamp": None}
                if batch.append(**record) is None:
                    await producer.send_batch(batch, topic, partition=partition)
                    batch = producer.create_batch()
                    batch.append(**record)
            await producer.send_batch(batch, topic, partition=partition)
        await producer.flush()
