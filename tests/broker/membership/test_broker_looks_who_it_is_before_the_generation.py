"""A member that was replaced is told so, never that its generation is wrong: that answer proves who sits there."""

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient, CoordinationType

from framework.membership.answers import error_codes
from framework.membership.protocol import StaticHeartbeatRequest, StaticOffsetCommitRequest
from framework.testing import Broker, TopicFactory

SEAT = "w-0"
FENCED, ILLEGAL_GENERATION = 82, 22


async def sit_down(bootstrap_servers: str, group_id: str, topic: str) -> AIOKafkaConsumer:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap_servers, group_id=group_id, group_instance_id=SEAT, enable_auto_commit=False
    )
    await consumer.start()
    async with asyncio.timeout(20.0):
        while consumer._coordinator.generation < 0 or not consumer.assignment():
            await asyncio.sleep(0.02)
    return consumer


def requests(group_id: str, topic: str, generation: int, member_id: str) -> list[Any]:
    return [
        StaticHeartbeatRequest(group_id, generation, member_id, SEAT),
        StaticOffsetCommitRequest(group_id, generation, member_id, SEAT, [(topic, [(0, 0, "")])]),
    ]


@pytest.mark.parametrize("which", [0, 1], ids=["heartbeat", "commit"])
def test_who_was_replaced_and_who_was_not(kafka_broker: Broker, kafka_topic: TopicFactory, which: int) -> None:
    async def scenario() -> None:
        topic = kafka_topic(partitions=1)
        servers, group_id = kafka_broker.bootstrap_servers, f"{topic}-group"
        first = await sit_down(servers, group_id, topic)
        generation, replaced = first._coordinator.generation, first._coordinator.member_id
        # A static member that stops does not leave.
        await first.stop()
        second = await sit_down(servers, group_id, topic)
        client = AIOKafkaClient(bootstrap_servers=servers)
        await client.bootstrap()
        try:
            coordinator = await client.coordinator_lookup(CoordinationType.GROUP, group_id)

            async def codes(generation: int, member_id: str) -> set[int]:
                request = requests(group_id, topic, generation, member_id)[which]
                return set(error_codes(await client.send(coordinator, request)))

            sitting = second._coordinator.member_id
            assert sitting != replaced
            assert await codes(generation, replaced) == {FENCED}
            assert await codes(generation + 5, replaced) == {FENCED}
            assert await codes(generation + 5, sitting) == {ILLEGAL_GENERATION}
            assert await codes(second._coordinator.generation, sitting) == {0}
        finally:
            await client.close()
            await second.stop()

    asyncio.run(scenario())
