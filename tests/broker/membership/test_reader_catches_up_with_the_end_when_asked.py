"""What a broker had acknowledged before the question is in the view after it, also in the middle of a poll."""

import asyncio
from dataclasses import replace

from framework.membership.roster import CONTROL, Watch
from framework.membership.roster_reader import RosterReader
from framework.membership.roster_records import encode_watch
from framework.membership.roster_topic import write_record
from framework.membership.roster_writer import RosterWriter
from framework.testing import eventually
from tests.support.roster import ENTRY, Roster


def test_entry_that_was_just_acknowledged_is_read(roster: Roster) -> None:
    async def follow() -> None:
        writer = RosterWriter(roster.connection, roster.group_id, 1, patience=60.0)
        await writer.write(ENTRY)
        reader = RosterReader(roster.connection, roster.group_id)
        await reader.start()
        try:
            for generation_id in range(10):
                await writer.write(replace(ENTRY, generation_id=generation_id))
                await reader.read_to_end()
                assert reader.view.seats()["w-0"].entry.generation_id == generation_id
        finally:
            await reader.close()
            await writer.close()

    asyncio.run(asyncio.wait_for(follow(), 60.0))


def test_worker_hears_who_shadows_it(roster: Roster) -> None:
    heard: list[float | None] = []
    roster.keeper(on_control=lambda view: heard.append(view.failover_after("w-0")))
    eventually(lambda: heard == [None])

    key, value = encode_watch(Watch("w-standby-0", frozenset({"w-0"}), 2.0))
    asyncio.run(write_record(roster.connection, roster.topic, CONTROL, key, value))
    eventually(lambda: heard[-1] == 2.0)
    asyncio.run(write_record(roster.connection, roster.topic, CONTROL, key, None))
    eventually(lambda: heard[-1] is None)
