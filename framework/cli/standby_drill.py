"""`framework standby drill`: a worker dies on purpose, and what its shadow makes of it is measured."""

import asyncio
import sys
from dataclasses import dataclass

import typer
from rich.console import Console

from framework.cli.showing import print_json
from framework.cli.standby_documents import process_document
from framework.cli.standby_handover_wording import stood_still
from framework.cli.standby_tools import POLL, WATCHING, Tell, Tools, named, tools_for
from framework.errors import CheckFailedError, FrameworkError
from framework.membership.passing import Passing
from framework.membership.protection import SeatLine
from framework.membership.roster import Entry, Order, OrderKind
from framework.settings import Settings
from framework.states import StopReason

TOLD_WITHIN = 2.0
"""Seconds that a new owner may need to tell how long its takeover took."""


@dataclass(frozen=True, slots=True)
class Drilled:
    """How a takeover went.

    Attributes:
        seat: its instance id.
        former: the last word of the worker that died.
        owner: the first word of the one that runs in its place.
        detection: seconds of silence until the shadow decided; None if it does not say so.
        takeover: seconds from there until it could process; None likewise.
        standstill: seconds from the one's last word to the other's that it runs; None if not both were seen.
        duplicates: records that may have been processed twice, at most; None if its last word was not about the drill.
    """

    seat: str
    former: Entry
    owner: Entry
    detection: float | None
    takeover: float | None
    standstill: float | None
    duplicates: int | None


def run(settings: Settings, group_id: str, seat: str, *, timeout: float, yes: bool, as_json: bool) -> None:
    """Kill the worker and tell what came of it.

    Raises:
        SeatNotFoundError: there is no such group or seat.
        RosterUnavailableError: the roster can be neither read nor written.
        CheckFailedError: the seat is not protected, or nobody took it over in time; the message says who sits there.
    """
    if not yes and is_terminal():
        typer.confirm(
            f"This kills the worker in seat {seat} of group {group_id} on purpose. Go on?", abort=True, err=True
        )
    error: FrameworkError
    try:
        done = asyncio.run(_run(settings, group_id, seat, timeout))
    except KeyboardInterrupt:
        error = CheckFailedError(
            f"The drill of seat {seat!r} was interrupted. If its worker had heard of it, it dies all the same. Look at"
            " it with `framework standby status`."
        )
    except FrameworkError as exc:
        error = exc
    else:
        if as_json:
            print_json(document(group_id, seat, done))
        else:
            typer.echo(sentence(done))
        return
    if as_json:
        print_json(document(group_id, seat, None, str(error)))
    raise error


def is_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty()


async def _run(settings: Settings, group_id: str, seat: str, timeout: float) -> Drilled:
    async with tools_for(settings, group_id) as tools:
        with Console(stderr=True).status(WATCHING) as status:
            await tools.watch()
            return await rehearse(tools, seat, timeout, status.update)


async def rehearse(tools: Tools, seat: str, timeout: float, tell: Tell) -> Drilled:
    """Order the worker in a protected seat to die, and look on until somebody else runs there.

    Args:
        tools: what to work with.
        seat: which seat.
        timeout: seconds that it may take.
        tell: told how far it is.

    Raises:
        SeatNotFoundError: there is no such seat.
        CheckFailedError: it is not protected, or was not taken over in time by a shadow.
    """
    owner = _protected(tools.group_id, await tools.line(seat))
    # The shadow finds out by itself, so nobody is named.
    passing = Passing(Order(seat, OrderKind.DRILL, owner.client_id, ""), None, tools.roster.view, tools.clock())
    await tools.follow(passing, timeout, tell)
    await _until_told(tools, passing)
    assert passing.newcomer is not None, "it is done"
    newcomer, former = passing.newcomer.entry, passing.former.entry if passing.former is not None else owner
    if newcomer.takeover is None:
        raise CheckFailedError(
            f"Seat {seat!r} was not taken over: {newcomer.client_id} was started in it before a shadow had noticed."
        )
    return Drilled(
        seat,
        former,
        newcomer,
        detection=newcomer.takeover.silent_for,
        takeover=newcomer.takeover.took,
        standstill=passing.standstill,
        duplicates=former.uncommitted if former.reason == StopReason.DRILL else None,
    )


async def _until_told(tools: Tools, passing: Passing) -> None:
    deadline = tools.clock() + TOLD_WITHIN
    while tools.clock() < deadline:
        found = passing.newcomer.entry.takeover if passing.newcomer is not None else None
        if found is None or found.took is not None:
            return
        await tools.roster.changed(POLL)
        passing.look(tools.roster.view, tools.clock())


def _protected(group_id: str, line: SeatLine) -> Entry:
    if not line.is_protected or line.owner is None:
        raise CheckFailedError(
            f"Seat {line.seat!r} of group {group_id!r} is not protected: {line.why_not}. A drill would leave it"
            " empty, so nothing was done."
        )
    return line.owner.entry


def sentence(done: Drilled) -> str:
    """How it went, for a person."""
    return (
        f"Seat {done.seat}: {named(done.former.client_id)} died, {named(done.owner.client_id)}"
        f" ({done.owner.standby_id or 'at home'}) took over.\n"
        f"Detection {_seconds(done.detection)}, takeover {_seconds(done.takeover)},"
        f" {stood_still(done.standstill)}.\n"
        f"Records that may have been processed twice: {_at_most(done.duplicates)}."
    )


def _seconds(known: float | None) -> str:
    return "unknown" if known is None else f"{known:.2f} s"


def _at_most(known: int | None) -> str:
    return "unknown" if known is None else f"{known} at most"


def document(group_id: str, seat: str, done: Drilled | None, error: str = "") -> dict[str, object]:
    """The same for machines; times are seconds, unknown is null."""
    return {
        "group_id": group_id,
        "group_instance_id": seat,
        "complete": done is not None,
        "error": error or None,
        "from": process_document(done.former) if done is not None else None,
        "to": process_document(done.owner) if done is not None else None,
        "standby_id": (done.owner.standby_id or None) if done is not None else None,
        "detection": done.detection if done is not None else None,
        "takeover": done.takeover if done is not None else None,
        "standstill": done.standstill if done is not None else None,
        "duplicates_at_most": done.duplicates if done is not None else None,
    }
