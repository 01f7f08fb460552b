"""The first worker of a group creates the roster's topic, compacted soon and stamped by the broker's clock."""

import asyncio

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from framework.errors import RosterUnavailableError
from framework.membership.roster import PARTITIONS
from framework.membership.roster_topic import CONFIGS, ensure_topic
from framework.testing import eventually
from tests.support.roster import Roster


def test_keeper_creates_the_topic(roster: Roster) -> None:
    roster.keeper()
    eventually(roster.exists)
    admin = KafkaAdminClient(bootstrap_servers=roster.bootstrap_servers)
    [topic] = admin.describe_topics([roster.topic])
    configs = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, roster.topic)])
    admin.close()
    assert len(topic["partitions"]) == PARTITIONS
    assert CONFIGS["cleanup.policy"] == "compact"
    assert CONFIGS["message.timestamp.type"] == "LogAppendTime"
    found = configs["topic"][roster.topic]
    assert {name: found[name]["value"] for name in CONFIGS} == CONFIGS


def test_topic_that_is_there_is_left_alone(roster: Roster) -> None:
    assert asyncio.run(ensure_topic(roster.connection, roster.group_id, 1)) is True
    assert asyncio.run(ensure_topic(roster.connection, roster.group_id, 1)) is False


def test_more_copies_than_brokers(roster: Roster) -> None:
    with pytest.raises(RosterUnavailableError, match="Lower FRAMEWORK_TOPIC_REPLICATION_FACTOR"):
        asyncio.run(ensure_topic(roster.connection, roster.group_id, 3))
