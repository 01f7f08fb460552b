"""`framework group remove`: takes a seat out of its group, but not from a live worker without being told twice."""

import asyncio
import time
from dataclasses import dataclass

import typer
from rich.console import Console

from framework.cli.looking import Outlook, looking_at, no_such_seat
from framework.cli.showing import print_json
from framework.errors import RosterUnavailableError, SeatLiveError
from framework.lifecycle.seat import describe as describe_holder
from framework.membership.group import Group
from framework.membership.liveness import live_seats
from framework.membership.overview import holder_in
from framework.membership.roster_view import RosterView
from framework.membership.roster_writer import forget
from framework.membership.verdict import Holder
from framework.settings import Settings
from framework.states import SeatState


@dataclass(frozen=True, slots=True)
class Removal:
    """What became of a seat.

    Attributes:
        group_id: the group.
        seat: its instance id.
        holder: who sat in it last.
        removed: whether it was in the group and is no longer.
        forgotten: whether its entry is deleted from the roster.
        problem: why not; empty if it is, or there is no roster.
    """

    group_id: str
    seat: str
    holder: Holder
    removed: bool
    forgotten: bool
    problem: str = ""


def run(settings: Settings, group_id: str, seat: str, *, force: bool, as_json: bool) -> None:
    """Remove the seat and say so."""
    done = asyncio.run(_run(settings, group_id, seat, force=force))
    if as_json:
        print_json(document(done))
    else:
        typer.echo(sentence(done))


async def _run(settings: Settings, group_id: str, seat: str, *, force: bool) -> Removal:
    async with looking_at(settings, group_id) as outlook:
        reader = outlook.reader
        view = reader.view if reader is not None else RosterView()
        group = await outlook.admin.describe(group_id)
        if seat not in group.seats and seat not in view.seats():
            await outlook.existing()
            kept = {name for name, seen in view.seats().items() if seen.entry.state is not SeatState.LEFT}
            raise no_such_seat(seat, group_id, group.seats | kept)
        holder = holder_in(seat, group, view, time.monotonic())
        if not force and await _is_live(outlook, seat):
            raise _refusal(outlook, seat, group, holder)
        member = group.in_seat(seat)
        if member is not None:
            # By force, whoever sits there; else the one that was found dead, and nobody who has sat down since.
            await outlook.admin.remove(group_id, seat, None if force else member.member_id)
        removed = member is not None
        if reader is None:
            return Removal(group_id, seat, holder, removed, forgotten=False)
        try:
            await forget(outlook.connection, group_id, seat)
        except RosterUnavailableError as exc:
            return Removal(group_id, seat, holder, removed, forgotten=False, problem=str(exc))
        return Removal(group_id, seat, holder, removed, forgotten=True)


async def _is_live(outlook: Outlook, seat: str) -> bool:
    if outlook.reader is None:
        return True
    with Console(stderr=True).status(f"Watching whether the worker of {seat} lives"):
        return seat in await live_seats(outlook.reader, [seat])


def _refusal(outlook: Outlook, seat: str, group: Group, holder: Holder) -> SeatLiveError:
    has_spoken = outlook.reader is not None and seat in outlook.reader.view.seats()
    by = "a live worker" if has_spoken else "a member of which nothing says that it is dead"
    sentences = (
        f"The seat {seat!r} of group {group.group_id!r} is held by {by} ({describe_holder(holder)}).",
        outlook.roster_problem,
        "Stop that process with `framework leave`, which gives its seat up; or take the seat from it with --force.",
    )
    return SeatLiveError(" ".join(filter(None, sentences)), group_id=group.group_id, group_instance_id=seat)


def sentence(done: Removal) -> str:
    """What was done, for a person."""
    said = (
        f"Seat {done.seat!r} is removed from group {done.group_id!r}, which gives its partitions to the others now."
        if done.removed
        else f"Nobody was in seat {done.seat!r} of group {done.group_id!r} any more."
    )
    if done.forgotten:
        return f"{said} Its entry in the roster is deleted."
    return f"{said} Its entry in the roster stays: {done.problem}" if done.problem else said


def document(done: Removal) -> dict[str, object]:
    """The same for machines."""
    return {
        "group_id": done.group_id,
        "group_instance_id": done.seat,
        "removed": done.removed,
        "forgotten": done.forgotten,
        "holder": {
            "client_id": done.holder.client_id,
            "host": done.holder.host,
            "pid": done.holder.pid,
            "start_ms": done.holder.start_ms,
        },
        "problem": done.problem or None,
    }
