"""A keeper is told of the wish that was there when it started, and of each later one, also if it is the same again."""

import asyncio

from framework.membership.roster import Wanted
from framework.membership.roster_writer import write_wanted
from framework.testing import eventually
from tests.support.roster import Roster

FIVE, TWO = Wanted(5), Wanted(2, frozenset({"w-2", "w-3"}))


def test_old_and_new_wishes(roster: Roster) -> None:
    def want(wanted: Wanted) -> None:
        asyncio.run(write_wanted(roster.connection, roster.group_id, wanted, 1))

    want(FIVE)
    roster.keeper()
    eventually(lambda: roster.wanted == [(FIVE, False)])
    want(TWO)
    eventually(lambda: roster.wanted[1:] == [(TWO, True)])
    want(TWO)
    eventually(lambda: roster.wanted[2:] == [(TWO, True)])


def test_group_that_has_no_wish(roster: Roster) -> None:
    roster.keeper()
    eventually(lambda: roster.exists() and len(roster.entries()) >= 2)
    asyncio.run(write_wanted(roster.connection, roster.group_id, FIVE, 1))
    eventually(lambda: roster.wanted)
    assert roster.wanted[0][0] == FIVE
