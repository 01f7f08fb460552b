"""A roster topic that is deleted while a worker runs is warned of, and created again after a while."""

import asyncio
import time

import pytest
from structlog.testing import capture_logs

from framework.errors import RosterUnavailableError
from framework.membership.roster_reader import RosterReader
from framework.membership.roster_trouble import LASTING
from framework.membership.roster_writer import forget
from framework.states import SeatState
from framework.testing import eventually
from tests.support.roster import Roster

PATIENCE = 6.0


def test_keeper_warns_waits_and_creates(strict_roster: Roster) -> None:
    roster = strict_roster
    with capture_logs() as logs:
        keeper = roster.keeper(patience=PATIENCE)
        eventually(lambda: roster.exists() and roster.entries())
        begun = time.monotonic()
        roster.delete()
        gone = time.monotonic()
        eventually(lambda: [line for line in logs if line["event"] == "roster.unwritable"])
        assert time.monotonic() - gone < 6.0
        # The broker would create topics by itself, and nobody makes it do so.
        assert not roster.exists()
        keeper.tell(state=SeatState.RUNNING)
        eventually(roster.exists)
        assert time.monotonic() - gone > 5.0
        assert eventually(roster.entries)[0].state is SeatState.RUNNING
        eventually(lambda: [line for line in logs if line["event"] == "roster.writable"])
        over = time.monotonic()
    warnings = [line for line in logs if line["event"] == "roster.unwritable"]
    # One when it has lasted, and one more in each `PATIENCE`: as a rule it is over before a second one is due.
    assert len(warnings) <= 1 + max(0.0, over - begun - LASTING) // PATIENCE
    assert "does not exist" in warnings[0]["problem"]
    assert "goes on working" in warnings[0]["problem"]


def test_reader_says_so_and_comes_back_with_a_fresh_view(roster: Roster) -> None:
    async def follow() -> None:
        reader = RosterReader(roster.connection, roster.group_id)
        await reader.start()
        before = reader.view
        await asyncio.to_thread(roster.delete)
        while reader.is_current(time.monotonic()):
            await reader.changed(0.2)
        await asyncio.to_thread(roster.keeper)
        while not reader.is_current(time.monotonic()) or not reader.view.seats():
            await reader.changed(0.2)
        assert reader.view is not before
        await reader.close()

    keeper = roster.keeper()
    eventually(lambda: roster.exists() and roster.entries())
    keeper.close(timeout=5.0)
    asyncio.run(asyncio.wait_for(follow(), 20.0))


def test_forgetting_without_a_topic(roster: Roster) -> None:
    with pytest.raises(RosterUnavailableError, match="does not exist"):
        asyncio.run(forget(roster.connection, roster.group_id, "w-0"))
