"""Reading or forgetting in a roster that is not there does not make a broker with automatic creation create it."""

import asyncio

import pytest
from kafka import KafkaProducer

from framework.errors import RosterUnavailableError
from framework.membership.roster_reader import RosterReader
from framework.membership.roster_writer import forget
from framework.testing import eventually
from tests.support.roster import Roster


def test_missing_topic_stays_missing(strict_roster: Roster) -> None:
    roster = strict_roster

    async def use() -> None:
        reader = RosterReader(roster.connection, roster.group_id)
        with pytest.raises(RosterUnavailableError, match="cannot be read: it does not exist"):
            await reader.start()
        await reader.close()
        with pytest.raises(RosterUnavailableError, match="cannot be written: it does not exist"):
            await forget(roster.connection, roster.group_id, "w-0")

    asyncio.run(use())
    assert not roster.exists()
    # This broker does create what others ask for.
    producer = KafkaProducer(bootstrap_servers=roster.bootstrap_servers)
    producer.send(roster.topic, b"word").get(timeout=20)
    producer.close()
    assert eventually(roster.exists)
