"""Three nodes hold a topic of three copies, and go on without one of them."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from framework.localkafka import LocalKafka
from framework.localkafka.ports import brokers_seen
from framework.testing import eventually, require_kafka


async def create_topic(servers: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic("copied", num_partitions=3, replication_factor=3)])
    finally:
        await admin.close()


async def send_to_all_partitions(servers: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=servers, acks="all", request_timeout_ms=40000) as producer:
        for partition in range(3):
            await producer.send_and_wait("copied", b"word", partition=partition)


async def count_records(servers: str, expected: int) -> int:
    async with AIOKafkaConsumer("copied", bootstrap_servers=servers, auto_offset_reset="earliest") as consumer:
        return len([await asyncio.wait_for(consumer.getone(), 20.0) for _ in range(expected)])


def test_three_copies_outlive_a_node() -> None:
    require_kafka()
    with LocalKafka.start(nodes=3) as kafka:
        asyncio.run(create_topic(kafka.bootstrap_servers))
        kafka.kill(2)
        asyncio.run(send_to_all_partitions(kafka.bootstrap_servers))
        kafka.restart(2)
        assert asyncio.run(count_records(kafka.bootstrap_servers, 3)) == 3
        eventually(lambda: all(brokers_seen(node.port) == 3 for node in kafka.nodes))
    assert not kafka.folder.exists()
