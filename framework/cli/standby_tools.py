"""What the commands about standbys share: a look at who protects whom, an order and what becomes of it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from framework.cli.looking import Outlook, looking_at, no_such_seat
from framework.errors import CheckFailedError, FrameworkError, RosterUnavailableError
from framework.identity import group_id_of
from framework.membership.group import Group
from framework.membership.liveness import Roster, live_seats
from framework.membership.passing import Passing
from framework.membership.protection import Protection, SeatLine, protection
from framework.membership.roster import CONTROL, Order, topic_name
from framework.membership.roster_reader import RosterReader
from framework.membership.roster_records import encode_order
from framework.membership.roster_topic import write_record
from framework.settings import Settings

POLL = 0.2
"""Seconds between two looks, if nothing is heard before."""

_CLEAN_UP = 5.0

WATCHING = "Watching which workers live"

Tell = Callable[[str], None]
"""Told how far it is, as a sentence without its full stop."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What the commands work with.

    Attributes:
        group_id: the primary group.
        standby_group_id: the standby group, unless its workers say that it is another one.
        describe: asks the coordinator for a group.
        roster: what the workers of both groups say.
        write: writes an order.
        withdraw: takes an order back that nobody has obeyed.
        clock: monotonic seconds, the same as of `roster`.
    """

    group_id: str
    standby_group_id: str
    describe: Callable[[str], Awaitable[Group]]
    roster: Roster
    write: Callable[[Order], Awaitable[None]]
    withdraw: Callable[[Order], Awaitable[None]]
    clock: Callable[[], float] = time.monotonic

    async def watch(self) -> None:
        """Wait until everybody who lives has spoken: what a reader finds at first is as young as its last record.

        Afterwards the age of each entry tells; there is nothing to refuse here.
        """
        view = self.roster.view
        with suppress(RosterUnavailableError):
            await live_seats(self.roster, [*view.seats(), *view.standbys()], self.clock)

    async def look(self) -> Protection:
        """Who protects whom now."""
        group = await self.describe(self.group_id)
        standby_id = self._standby_group()
        try:
            standby_group = await self.describe(standby_id)
        except FrameworkError:
            # Not everybody may look at it, and its workers speak for themselves.
            standby_group = None
        now = self.clock()
        return protection(self.roster.view, group, standby_id, standby_group, now, self.roster.doubt(now))

    def _standby_group(self) -> str:
        seen = sorted(self.roster.view.standbys().values(), key=lambda seen: seen.seen_at)
        said = [seen.entry.shadowing.group_id for seen in seen if seen.entry.shadowing is not None]
        return said[-1] if said else self.standby_group_id

    async def line(self, seat: str) -> SeatLine:
        """One seat now.

        Raises:
            SeatNotFoundError: the group has no such seat.
            RosterUnavailableError: nobody can tell who lives.
        """
        found = await self.look()
        if found.problem:
            raise RosterUnavailableError(found.problem)
        if (line := found.line(seat)) is None:
            raise no_such_seat(seat, self.group_id, [line.seat for line in found.seats])
        return line

    async def follow(self, passing: Passing, timeout: float, tell: Tell) -> None:
        """Give the order and look on until somebody else runs in the seat.

        Raises:
            CheckFailedError: nobody does in time, or not the one who was to; the message says who sits there.
            RosterUnavailableError: the order cannot be written.
        """
        order, deadline = passing.order, self.clock() + timeout
        try:
            await self.write(order)
            while not passing.is_done:
                now = self.clock()
                if now >= deadline:
                    raise CheckFailedError(
                        f"The {order.kind} of seat {order.seat!r} is not done after {timeout:.1f} s: {passing.phase}."
                        f" {sitting(passing)} Look at it with `framework standby status`."
                    )
                tell(f"Seat {order.seat}: {passing.phase}")
                await self.roster.changed(min(POLL, deadline - now))
                passing.look(self.roster.view, self.clock())
        except BaseException:
            with suppress(FrameworkError, TimeoutError):
                await asyncio.wait_for(self.withdraw(order), _CLEAN_UP)
            raise
        if passing.is_stranger:
            raise CheckFailedError(
                f"The {order.kind} of seat {order.seat!r} went to another process than it was to. {sitting(passing)}"
            )


def sitting(passing: Passing) -> str:
    """Who is known to sit in the seat, as a sentence."""
    if passing.newcomer is not None:
        entry = passing.newcomer.entry
        return f"{entry.client_id} sits in it and is {entry.state}."
    if passing.former is None:
        return "Nothing is known of whoever sits in it."
    entry = passing.former.entry
    return f"{entry.client_id} was in it last and is {entry.state}."


def named(client_id: str) -> str:
    """An incarnation for the eye: `w-0@box`."""
    return client_id.partition("#")[0]


@asynccontextmanager
async def tools_for(settings: Settings, group_id: str) -> AsyncIterator[Tools]:
    """Connect to the brokers and read the roster.

    Raises:
        BrokerUnavailableError: no broker answers.
        SeatNotFoundError: there is no such group.
        RosterUnavailableError: the roster is missing, or this user may not read it.
    """
    async with looking_at(settings, group_id, roster=False) as outlook:
        await outlook.existing()
        yield _tools(settings, outlook, await outlook.open_roster())


def _tools(settings: Settings, outlook: Outlook, reader: RosterReader) -> Tools:
    topic = topic_name(outlook.group_id)

    async def write(order: Order) -> None:
        await write_record(outlook.connection, topic, CONTROL, *encode_order(order))

    async def withdraw(order: Order) -> None:
        key, _ = encode_order(order)
        await write_record(outlook.connection, topic, CONTROL, key, None)

    return Tools(
        outlook.group_id,
        group_id_of(settings, outlook.group_id, "standby"),
        outlook.admin.describe,
        reader,
        write,
        withdraw,
    )
