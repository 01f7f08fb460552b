"""A reader does not take silence for death while this user may not write, nor until everybody has had time to again."""

import asyncio
import time

import pytest
from kafka.admin import ACLOperation

from framework.errors import RosterUnavailableError
from framework.membership.liveness import live_seats
from framework.membership.roster_reader import RosterReader
from framework.testing import eventually
from tests.support.rights import denied
from tests.support.roster import ENTRY, Roster

SEAT = ENTRY.group_instance_id


def test_broker_without_an_authorizer_grants_everything(roster: Roster) -> None:
    roster.keeper()
    eventually(lambda: roster.exists() and roster.entries())
    assert is_telling(roster)


def test_right_is_taken_and_given_back(strict_roster: Roster) -> None:
    roster = strict_roster

    async def follow() -> None:
        reader = RosterReader(roster.connection, roster.group_id)
        await reader.start()
        assert reader.is_telling(time.monotonic())
        denial = denied(roster.bootstrap_servers, roster.topic, ACLOperation.WRITE)
        await asyncio.to_thread(denial.__enter__)
        begun = time.monotonic()
        try:
            while reader.is_telling(time.monotonic()):
                await reader.changed(0.1)
            # Long before its entry is stale.
            assert time.monotonic() - begun < 6.0
            assert reader.is_current(time.monotonic())
            with pytest.raises(RosterUnavailableError, match="Grant WRITE and DESCRIBE on the topic"):
                await live_seats(reader, [SEAT])
        finally:
            await asyncio.to_thread(denial.__exit__, None, None, None)
        while "until a moment ago" not in reader.doubt(time.monotonic()):
            await reader.changed(0.1)
        # Whoever is heard lives, whatever the doubt about the others.
        assert await live_seats(reader, [SEAT]) == {SEAT}
        await reader.close()

    roster.keeper()
    eventually(lambda: roster.exists() and roster.entries())
    asyncio.run(asyncio.wait_for(follow(), 40.0))


def test_right_that_is_missing_from_the_start(strict_roster: Roster) -> None:
    roster = strict_roster
    roster.keeper()
    eventually(lambda: roster.exists() and roster.entries())
    with denied(roster.bootstrap_servers, roster.topic, ACLOperation.WRITE):
        eventually(lambda: not is_telling(roster))


def is_telling(roster: Roster) -> bool:
    async def look() -> bool:
        reader = RosterReader(roster.connection, roster.group_id)
        try:
            await reader.start()
            return reader.is_telling(time.monotonic())
        finally:
            await reader.close()

    return asyncio.run(look())
