"""The broker's side of a comparison: makes topics, fills them, reads what came out and what was committed."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import TopicPartition as AIOKafkaTopicPartition
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.consumer.fetcher import ConsumerRecord
from kafka.structs import OffsetAndMetadata

from framework.testing import eventually

LARGEST = 16 * 1024 * 1024
"""Bytes of the largest request that is sent."""

BATCH = 512 * 1024
"""Bytes of one batch that is written in bulk."""

Position = tuple[str, int]
"""Topic and partition."""


@dataclass(frozen=True, slots=True)
class Input:
    """One record to send; `timestamp` in ms, None for now."""

    value: bytes | None
    key: bytes | None = None
    partition: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int | None = None


@dataclass(frozen=True, slots=True)
class Transaction:
    """Records that are sent together, and committed or not."""

    inputs: tuple[Input, ...]
    is_committed: bool = True


class BrokerSide:
    """Everything that a test does with the brokers itself; a context manager."""

    def __init__(self, bootstrap_servers: str) -> None:
        self.bootstrap_servers = bootstrap_servers
        self._admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._admin.close()

    # --- topics -------------------------------------------------------------------------------------------------------

    def create(
        self,
        topics: Iterable[str],
        partitions: int = 2,
        configs: Mapping[str, str] | None = None,
        replication: int = 1,
    ) -> None:
        """Make topics, and wait until the broker knows them."""
        names = list(topics)
        settings = dict(configs or {})
        self._admin.create_topics([NewTopic(name, partitions, replication, topic_configs=settings) for name in names])
        eventually(lambda: set(names) <= set(self._admin.list_topics()), within=15.0)

    def delete(self, topic: str) -> None:
        """Delete a topic, and wait until it has gone."""
        self._admin.delete_topics([topic])
        eventually(lambda: topic not in self._admin.list_topics(), within=15.0)

    def configure(self, topic: str, configs: Mapping[str, str]) -> None:
        """Change the settings of a topic."""
        self._admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, dict(configs))])

    def drop_before(self, topic: str, partition: int, offset: int) -> None:
        """Have the broker forget the records before an offset, as retention does."""
        self._admin.delete_records({TopicPartition(topic, partition): offset})

    def size(self, topic: str) -> int:
        """Bytes of a topic's records, as the brokers keep them."""
        found = 0
        for of_node in self._admin.describe_log_dirs([topic]):
            for folder in of_node["log_dirs"]:
                partitions = [each for known in folder["topics"] for each in known["partitions"]]
                found += sum(each["partition_size"] for each in partitions)
        return found

    # --- records ------------------------------------------------------------------------------------------------------

    def send(self, inputs: Mapping[str, Sequence[Input]]) -> None:
        """Send records, `{topic: records}`, and wait for all acknowledgements."""
        asyncio.run(self._send(inputs))

    async def _send(self, inputs: Mapping[str, Sequence[Input]]) -> None:
        async with AIOKafkaProducer(
            bootstrap_servers=self.bootstrap_servers, max_request_size=LARGEST, linger_ms=5
        ) as producer:
            sent = [await _send_one(producer, topic, each) for topic, of_topic in inputs.items() for each in of_topic]
            await asyncio.gather(*sent)

    def fill(self, topic: str, value: bytes, count: int) -> None:
        """Write one value many times, spread over the partitions of a topic."""
        asyncio.run(self._fill(topic, value, count))

    async def _fill(self, topic: str, value: bytes, count: int) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.bootstrap_servers, max_batch_size=BATCH) as producer:
            partitions = sorted(await producer.partitions_for(topic))
            batch, written = producer.create_batch(), 0
            while written < count:
                if batch.append(key=None, value=value, timestamp=None) is None:
                    await producer.send_batch(batch, topic, partition=partitions[written % len(partitions)])
                    batch = producer.create_batch()
                    continue
                written += 1
            await producer.send_batch(batch, topic, partition=partitions[0])
            await producer.flush()

    def send_transactions(self, topic: str, transactions: Sequence[Transaction]) -> None:
        """Send records in transactions; each leaves a control record behind it."""
        asyncio.run(self._send_transactions(topic, transactions))

    async def _send_transactions(self, topic: str, transactions: Sequence[Transaction]) -> None:
        async with AIOKafkaProducer(
            bootstrap_servers=self.bootstrap_servers, transactional_id=f"{topic}-writer"
        ) as producer:
            for transaction in transactions:
                await producer.begin_transaction()
                await asyncio.gather(*[await _send_one(producer, topic, each) for each in transaction.inputs])
                await (producer.commit_transaction() if transaction.is_committed else producer.abort_transaction())

    def read(self, topic: str, *, only_committed: bool = False) -> list[ConsumerRecord]:
        """All records of a topic, partition by partition."""
        consumer = KafkaConsumer(
            bootstrap_servers=self.bootstrap_servers,
            enable_auto_commit=False,
            fetch_max_wait_ms=50,
            isolation_level="read_committed" if only_committed else "read_uncommitted",
        )
        found: list[ConsumerRecord] = []
        try:
            partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))]
            consumer.assign(partitions)
            consumer.seek_to_beginning(*partitions)
            ends = consumer.end_offsets(partitions)
            while any(consumer.position(partition) < end for partition, end in ends.items()):
                for records in consumer.poll(timeout_ms=200).values():
                    found += records
        finally:
            consumer.close(autocommit=False)
        return sorted(found, key=lambda record: (record.partition, record.offset))

    def values(self, topic: str) -> list[bytes | None]:
        """The values of a topic's first partition, which may be large."""
        return asyncio.run(self._values(topic))

    async def _values(self, topic: str) -> list[bytes | None]:
        partition = AIOKafkaTopicPartition(topic, 0)
        async with AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap_servers, max_partition_fetch_bytes=LARGEST, enable_auto_commit=False
        ) as consumer:
            consumer.assign([partition])
            await consumer.seek_to_beginning(partition)
            end = (await consumer.end_offsets([partition]))[partition]
            found: list[bytes | None] = []
            while await consumer.position(partition) < end:
                found += [record.value for record in (await consumer.getmany(timeout_ms=200)).get(partition, ())]
            return found

    # --- offsets ------------------------------------------------------------------------------------------------------

    def ends(self, topics: Iterable[str]) -> dict[Position, int]:
        """`{(topic, partition): end offset}`."""
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap_servers, enable_auto_commit=False)
        try:
            partitions = [
                TopicPartition(topic, number) for topic in topics for number in consumer.partitions_for_topic(topic)
            ]
            return {(tp.topic, tp.partition): end for tp, end in consumer.end_offsets(partitions).items()}
        finally:
            consumer.close(autocommit=False)

    def committed(self, group_id: str) -> dict[Position, int]:
        """`{(topic, partition): committed offset}` of a group; only where something was committed."""
        offsets: Mapping[TopicPartition, Any] = self._admin.list_group_offsets(group_id)[group_id]
        return {(tp.topic, tp.partition): found.offset for tp, found in offsets.items() if found.offset >= 0}

    def commit(self, group_id: str, offsets: Mapping[Position, int]) -> None:
        """Commit for a group that has no members."""
        wanted = {TopicPartition(*tp): OffsetAndMetadata(offset, "", -1) for tp, offset in offsets.items()}

        def is_done() -> bool:
            """The first group of a broker has no coordinator for a moment, which is raised, or is answered."""
            self._admin.alter_group_offsets(group_id, wanted)
            return offsets.items() <= self.committed(group_id).items()

        eventually(is_done, within=15.0)


async def _send_one(producer: AIOKafkaProducer, topic: str, each: Input) -> "asyncio.Future[Any]":
    if each.key is None and each.value is None:
        # `send` refuses what Kafka allows.
        batch = producer.create_batch()
        batch.append(key=None, value=None, timestamp=each.timestamp)
        sent: asyncio.Future[Any] = await producer.send_batch(batch, topic, partition=each.partition)
        return sent
    future: asyncio.Future[Any] = await producer.send(
        topic,
        each.value,
        key=each.key,
        partition=each.partition,
        timestamp_ms=each.timestamp,
        headers=list(each.headers),
    )
    return future
