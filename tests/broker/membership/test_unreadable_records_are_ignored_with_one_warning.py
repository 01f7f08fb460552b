"""Garbage and records of a newer format in the roster are ignored, with one warning a reader."""

import asyncio

from structlog.testing import capture_logs

from framework.membership.roster_reader import RosterReader
from framework.membership.roster_records import WANTED_KEY, encode
from framework.membership.roster_topic import ensure_topic
from tests.support.roster import ENTRY, Roster

UNREADABLE = [
    (b"w-1", b"garbage"),
    (b"w-2", b'{"format": 99, "group_instance_id": "w-2"}'),
    (b"another", encode(ENTRY)),
    (WANTED_KEY, b'{"format": 1}'),
    (b"\xff\xfe", b"\x00"),
]


def test_one_warning_before_and_after_the_start(roster: Roster) -> None:
    async def follow() -> RosterReader:
        reader = RosterReader(roster.connection, roster.group_id)
        await reader.start()
        try:
            await asyncio.to_thread(roster.write, [*UNREADABLE, (b"w-0", encode(ENTRY))])
            while "w-0" not in reader.view.seats():
                assert await reader.changed(5.0)
        finally:
            await reader.close()
        return reader

    asyncio.run(ensure_topic(roster.connection, roster.group_id, 1))
    roster.write(UNREADABLE)
    with capture_logs() as logs:
        reader = asyncio.run(follow())
    assert list(reader.view.seats()) == ["w-0"]
    assert reader.view.wanted is None
    [warning] = [line for line in logs if line["log_level"] == "warning"]
    assert warning["event"] == "roster.unreadable"
    assert "b'w-1'" in warning["key"]
