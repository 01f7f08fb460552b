"""The admin sees seats, guests, partitions and lag, creates no topic by asking, and removes a seat by its name."""

import asyncio

import pytest

from framework.errors import GroupNotAllowedError, SeatNotFoundError
from framework.localkafka import LocalKafka
from framework.membership.admin import GroupAdmin
from framework.membership.connection import Connection
from framework.testing import Broker, TopicFactory, eventually
from tests.support.crew import Crew, client_id


def test_seats_and_guests(kafka_broker: Broker, kafka_topic: TopicFactory) -> None:
    topic = kafka_topic(partitions=4)
    with Crew(kafka_broker.bootstrap_servers, f"{topic}-group", topic) as crew:
        assert not crew.group().exists
        crew.join("w-0", "w-1", "guest", speaks=False)
        group = crew.settled()
        assert group.seats == {"w-0", "w-1"}
        first = group.in_seat("w-0")
        assert first is not None
        assert (first.client_id, first.client_host, first.subscription) == (client_id("w-0"), "/127.0.0.1", {topic})
        assert sorted(p for m in group.members for p in m.assignment[topic]) == [0, 1, 2, 3]
        assert {lag.committed for lag in crew.lag().values()} == {None}
        assert {lag.end for lag in crew.lag().values()} == {0}

        crew.kill("w-1")
        assert "w-1" in crew.group().seats
        crew.remove("w-1")
        eventually(lambda: crew.group().seats == {"w-0"})
        with pytest.raises(SeatNotFoundError, match="no seat 'w-1'"):
            crew.remove("w-1")


def test_asking_creates_no_topic(strict_kafka: LocalKafka) -> None:
    async def ask() -> tuple[object, object]:
        async with GroupAdmin(connection_to(strict_kafka)) as admin:
            return await admin.partition_counts(["not-there"]), await admin.lag("g", ["not-there"])

    assert asyncio.run(ask()) == ({}, {})
    assert asyncio.run(ask()) == ({}, {}), "the broker would have created it at the first question"


def connection_to(kafka: LocalKafka) -> Connection:
    return Connection((kafka.bootstrap_servers,), {"security_protocol": "PLAINTEXT"}, "test")


def test_group_that_this_user_may_not_see(strict_kafka: LocalKafka) -> None:
    from kafka.admin import ACL, ACLOperation, ACLPermissionType, KafkaAdminClient, ResourcePattern, ResourceType

    admin = KafkaAdminClient(bootstrap_servers=strict_kafka.bootstrap_servers)
    pattern = ResourcePattern(ResourceType.GROUP, "hidden")
    admin.create_acls([ACL("User:ANONYMOUS", "*", ACLOperation.ALL, ACLPermissionType.DENY, pattern)])
    admin.close()

    async def ask() -> None:
        async with GroupAdmin(connection_to(strict_kafka)) as group_admin:
            await group_admin.describe("hidden")

    def is_refused() -> bool:
        with pytest.raises(GroupNotAllowedError, match="Grant the user DESCRIBE on the group"):
            asyncio.run(ask())
        return True

    # The ACL takes effect a moment after the answer.
    eventually(is_refused)
