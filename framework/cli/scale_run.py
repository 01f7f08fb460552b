"""What `framework scale` does: looks, plans, carries the plan out, and tells of it to the end."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from framework.cli.looking import Outlook, looking_at
from framework.cli.scale_view import View, view_for
from framework.errors import CheckFailedError, RosterUnavailableError
from framework.membership.group import Group
from framework.membership.liveness import live_seats
from framework.membership.roster import Entry, Wanted
from framework.membership.roster_reader import RosterReader
from framework.membership.roster_writer import forget, write_wanted
from framework.membership.scaler import Scaler, Tools
from framework.membership.scaling import Plan, plan
from framework.settings import Settings
from framework.states import GONE

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for.

    Attributes:
        group_id: the group.
        count: workers that it is to have.
        timeout: seconds that one step may take.
        dry_run: whether only to plan.
    """

    group_id: str
    count: int
    timeout: float
    dry_run: bool


def run(settings: Settings, order: Order, *, as_json: bool) -> None:
    """Carry the order out and show it.

    Raises:
        SeatNotFoundError: there is no such group.
        RosterUnavailableError: the wanted count cannot be written, or nobody can tell who lives.
        CheckFailedError: a step took too long, or the command was interrupted; it can be run again.
    """
    view = view_for(order.group_id, order.count, as_json=as_json)
    try:
        asyncio.run(_run(settings, order, view))
    except KeyboardInterrupt:
        error = CheckFailedError(
            f"Scaling group {order.group_id!r} to {order.count} was interrupted: {view.where()}. A worker that was"
            " asked to leave does so all the same. Run the command again to go on from there."
        )
        view.failed(error)
        raise error from None
    except Exception as exc:
        view.failed(exc)
        raise


async def _run(settings: Settings, order: Order, view: View) -> None:
    async with looking_at(settings, order.group_id, roster=False) as outlook:
        group = await outlook.existing()
        writer = Writer(outlook, settings.topic_replication_factor)
        if not order.dry_run:
            # Before the roster is read: this makes the topic where there is none.
            await writer.write(Wanted(order.count))
        view.watching()
        decided = await _plan(outlook, group, order)
        planned_at = time.monotonic()
        view.planned(decided, dry_run=order.dry_run)
        if order.dry_run:
            return
        assert outlook.reader is not None, "only a dry run does without the roster"
        tools = Tools(outlook.admin, outlook.reader, writer.write, writer.forget)
        with view.running():
            await Scaler(order.group_id, decided, planned_at, order.timeout, tools, view.moved).run()
        view.finished()


async def _plan(outlook: Outlook, group: Group, order: Order) -> Plan:
    try:
        reader = await outlook.open_roster()
    except RosterUnavailableError:
        if not order.dry_run:
            raise
        return plan(group, {}, group.seats, order.count)
    starting = {seat for seat, entry in _entries(reader).items() if entry.state not in GONE}
    live = await live_seats(reader, group.seats | starting)
    return plan(group, _entries(reader), live, order.count)


def _entries(reader: RosterReader) -> Mapping[str, Entry]:
    return {seat: seen.entry for seat, seen in reader.view.seats().items()}


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes to the roster of the group that is looked at."""

    outlook: Outlook
    replication_factor: int

    async def write(self, wanted: Wanted) -> None:
        """Write what is wanted."""
        await write_wanted(self.outlook.connection, self.outlook.group_id, wanted, self.replication_factor)

    async def forget(self, seat: str) -> None:
        """Delete the entry of a seat; that it stays is no reason to stop."""
        try:
            await forget(self.outlook.connection, self.outlook.group_id, seat)
        except RosterUnavailableError as exc:
            log.warning("scale.entry_stays", group_id=self.outlook.group_id, group_instance_id=seat, why=str(exc))
