"""A keeper writes each state at once and in order, and its entry each interval; the last word is there when it ends."""

import asyncio
import time

from framework.membership.roster_reader import RosterReader
from framework.states import SeatState
from framework.testing import eventually
from tests.support.roster import ENTRY, Roster


def test_states_of_a_life(roster: Roster) -> None:
    keeper = roster.keeper()
    eventually(lambda: roster.exists() and roster.entries())
    for state in (SeatState.RUNNING, SeatState.STOPPING):
        keeper.tell(state=state)
        eventually(lambda state=state: roster.entries()[-1].state is state)
    before = time.monotonic()
    keeper.close(timeout=5.0, state=SeatState.STOPPED, reason="interrupt")
    assert time.monotonic() - before < 5.0

    entries = roster.entries()
    states = [entry.state for entry in entries]
    assert list(dict.fromkeys(states)) == ["starting", "running", "stopping", "stopped"]
    assert states == sorted(states, key=list(SeatState).index)
    assert states.count(SeatState.STOPPED) == 1
    assert entries[-1].reason == "interrupt"
    assert entries[-1].since_ms > ENTRY.since_ms
    assert {entry.heartbeat_age for entry in entries} == {0.25}


def test_reader_hears_of_a_change_at_once(roster: Roster) -> None:
    async def follow() -> list[SeatState]:
        reader = RosterReader(roster.connection, roster.group_id)
        await reader.start()
        seen: list[SeatState] = []
        keeper.tell(state=SeatState.RUNNING)
        while SeatState.RUNNING not in seen and await reader.changed(5.0):
            seen.append(reader.view.seats()["w-0"].entry.state)
        assert reader.is_current(time.monotonic())
        await reader.close()
        assert not reader.is_current(time.monotonic())
        return seen

    keeper = roster.keeper()
    eventually(lambda: roster.exists() and roster.entries())
    assert asyncio.run(follow())[-1] is SeatState.RUNNING


def test_entry_is_renewed_without_being_told(roster: Roster) -> None:
    roster.keeper()
    eventually(lambda: roster.exists() and len(roster.entries()) >= 4)


def test_closing_without_a_last_word_writes_nothing(roster: Roster) -> None:
    keeper = roster.keeper()
    eventually(lambda: roster.exists() and roster.entries())
    keeper.close(timeout=5.0)
    before = roster.entries()
    keeper.tell(state=SeatState.RUNNING)
    keeper.close(state=SeatState.STOPPED)
    assert roster.entries() == before
