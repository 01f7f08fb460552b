"""A roster topic that somebody made with one partition holds entries and wishes side by side."""

import asyncio

from framework.membership.roster import Wanted
from framework.membership.roster_writer import forget, write_wanted
from framework.testing import eventually
from tests.support.roster import ENTRY, Roster
from tests.support.topics import create_topics


def test_entries_and_wishes_in_one_partition(roster: Roster) -> None:
    create_topics(roster.bootstrap_servers, {roster.topic: 1})
    keeper = roster.keeper()
    eventually(lambda: list(roster.seats()) == [ENTRY.group_instance_id])
    asyncio.run(write_wanted(roster.connection, roster.group_id, Wanted(2), 1))
    eventually(lambda: [wanted for wanted, _ in roster.wanted] == [Wanted(2)])
    keeper.close(timeout=5.0)
    assert list(roster.seats()) == [ENTRY.group_instance_id]
    asyncio.run(forget(roster.connection, roster.group_id, ENTRY.group_instance_id))
    assert roster.seats() == {}
