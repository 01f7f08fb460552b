"""`framework standby handover`: seats go to their shadows as planned, one after the other."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import typer
from rich.console import Console

from framework.cli.looking import no_such_seat
from framework.cli.naming import counted
from framework.cli.showing import print_json
from framework.cli.standby_handover_wording import Handed, document, sentence
from framework.cli.standby_tools import POLL, WATCHING, Tell, Tools, tools_for
from framework.errors import CheckFailedError, FrameworkError, SeatNotFoundError
from framework.membership.passing import Passing, has_stopped
from framework.membership.protection import SeatLine, ShadowLine
from framework.membership.roster import Entry, Order, OrderKind
from framework.settings import Settings


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for.

    Attributes:
        group_id: the group.
        seats: which seats; empty for all.
        to: the standby that is to sit down; None for whichever is the least behind.
        timeout: seconds that one seat may take.
    """

    group_id: str
    seats: tuple[str, ...]
    to: str | None
    timeout: float


def run(settings: Settings, wish: Wish, *, as_json: bool) -> None:
    """Hand the seats over and tell of each.

    Raises:
        SeatNotFoundError: there is no such group, seat, or standby.
        RosterUnavailableError: the roster can be neither read nor written.
        CheckFailedError: a seat was not handed over in time, or cannot be; the message says who sits there.
    """
    handed_over: list[Handed] = []

    def done(handed: Handed) -> None:
        handed_over.append(handed)
        if not as_json and not handed.error:
            typer.echo(sentence(handed))

    error: FrameworkError | None = None
    try:
        asyncio.run(_run(settings, wish, done))
    except KeyboardInterrupt:
        finished = counted(sum(not handed.error for handed in handed_over), "seat")
        error = CheckFailedError(
            f"The handover was interrupted; handed over before: {finished}. A worker that has heard of it"
            " hands its seat over all the same. Look at it with `framework standby status`."
        )
    except FrameworkError as exc:
        error = exc
    if as_json:
        answer = document(wish.group_id, handed_over, str(error) if error is not None else "")
        print_json(answer)
    if error is not None:
        raise error


async def _run(settings: Settings, wish: Wish, done: Callable[[Handed], None]) -> None:
    async with tools_for(settings, wish.group_id) as tools:
        with Console(stderr=True).status(WATCHING) as status:
            await tools.watch()
            await hand_over_all(tools, wish, status.update, done)


AGAIN_WITHIN = 10.0
"""Seconds to wait until a seat that was handed over is protected again."""


async def hand_over_all(tools: Tools, wish: Wish, tell: Tell, done: Callable[[Handed], None]) -> None:
    """Hand the seats over, one after the other; stops at the first that fails.

    The next one follows when the one before is protected again, by the process that has handed it over: so at most one
    seat at a time is without a spare, and a start does not disturb the next handover.

    Args:
        tools: what to work with.
        wish: what was asked for.
        tell: told how far it is.
        done: called with each seat that is done with, be it in vain.

    Raises:
        SeatNotFoundError: there is no such seat, or no such standby.
        CheckFailedError: one was not handed over.
    """
    before: str | None = None
    for seat in await _seats(tools, wish):
        if before is not None:
            await _protected_again(tools, before, tell)
        before = seat
        try:
            handed = await _hand_over(tools, seat, wish, tell)
        except FrameworkError as exc:
            done(Handed(seat, error=str(exc)))
            raise
        done(handed)


async def _protected_again(tools: Tools, seat: str, tell: Tell) -> None:
    """Wait until a seat that was handed over has a shadow, for `AGAIN_WITHIN` seconds: it may never have one."""
    deadline = tools.clock() + AGAIN_WITHIN
    while tools.clock() < deadline:
        line = await tools.line(seat)
        if not line.why_not:
            return
        tell(f"Waiting until {seat} is protected again: {line.why_not}")
        await tools.roster.changed(POLL)


async def _seats(tools: Tools, wish: Wish) -> Sequence[str]:
    found = await tools.look()
    standbys = [line.standby_id for line in found.standbys]
    promoted = {line.owner.entry.standby_id for line in found.seats if line.owner is not None}
    if wish.to is not None and wish.to not in {*standbys, *promoted}:
        has = f"There are {', '.join(standbys)}." if standbys else "There is none."
        raise SeatNotFoundError(f"No standby {wish.to!r} of group {wish.group_id!r} has been seen. {has}")
    for seat in wish.seats:
        if found.line(seat) is None:
            raise no_such_seat(seat, wish.group_id, [line.seat for line in found.seats])
    seats = wish.seats or tuple(line.seat for line in found.seats if line.seat in found.group.seats)
    if not seats:
        raise CheckFailedError(f"Nobody sits in group {wish.group_id!r}, so there is nothing to hand over.")
    return seats


async def _hand_over(tools: Tools, seat: str, wish: Wish, tell: Tell) -> Handed:
    deadline = tools.clock() + wish.timeout
    owner, shadow = await _parties(tools, seat, wish, deadline, tell)
    if shadow is None:
        return Handed(seat, owner=owner, standby_id=owner.standby_id, was_there=True)
    successor, started = shadow.seen.entry, tools.clock()
    order = Order(seat, OrderKind.HANDOVER, owner.client_id, successor.client_id)
    passing = Passing(order, successor.incarnation, tools.roster.view, started)
    await tools.follow(passing, max(1.0, deadline - started), tell)
    return Handed(
        seat,
        former=owner,
        owner=passing.newcomer.entry if passing.newcomer is not None else None,
        standby_id=shadow.standby_id,
        standstill=passing.standstill,
        is_at_least=passing.is_at_least,
        took=tools.clock() - started,
    )


async def _parties(tools: Tools, seat: str, wish: Wish, deadline: float, tell: Tell) -> tuple[Entry, ShadowLine | None]:
    """Who has the seat, and who is to have it; None if that is the same process. Waits for a shadow that is warming."""
    while True:
        line = await tools.line(seat)
        owner = line.owner.entry if line.owner is not None else None
        if owner is not None and line.is_live and not has_stopped(owner):
            if wish.to is not None and owner.standby_id == wish.to:
                return owner, None
            if ready := [shadow for shadow in line.ready if wish.to in (None, shadow.standby_id)]:
                return owner, ready[0]
        why, may_wait = obstacle(line, wish.to)
        now = tools.clock()
        if not may_wait or now >= deadline:
            waited = f" It has been waited for {wish.timeout:g} s." if may_wait else ""
            raise CheckFailedError(f"Seat {seat!r} of group {wish.group_id!r} cannot be handed over: {why}.{waited}")
        tell(f"Seat {seat}: {why}")
        await tools.roster.changed(min(POLL, deadline - now))


def obstacle(line: SeatLine, to: str | None) -> tuple[str, bool]:
    """Why a seat cannot be handed over just now, as a clause, and whether waiting may help.

    Args:
        line: the seat.
        to: the standby that is to have it; None for any.
    """
    if not line.is_live:
        return line.why_not, False
    if line.owner is not None and has_stopped(line.owner.entry):
        return "its owner is stopping", False
    meant = [shadow for shadow in line.shadows if to in (None, shadow.standby_id)]
    if not meant:
        return "no shadow" if to is None else f"{to} does not shadow it", False
    return "; ".join(shadow.why_not for shadow in meant), any(shadow.may_come for shadow in meant)
