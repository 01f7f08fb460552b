"""What the commands that look at a group share: which group, with which connection, and how little is logged."""

import logging
import ssl
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from framework import logs
from framework.errors import RosterUnavailableError, SeatNotFoundError, SettingsError
from framework.membership.admin import GroupAdmin
from framework.membership.connection import Connection
from framework.membership.group import Group
from framework.membership.overview import Overview, overview
from framework.membership.roster_reader import RosterReader
from framework.settings import Settings


@dataclass(slots=True)
class Outlook:
    """A connected view of one group.

    Attributes:
        group_id: the group.
        connection: how to reach the brokers.
        admin: connected.
        reader: follows the roster; None if that cannot be read.
        roster_problem: why; empty where it can.
    """

    group_id: str
    connection: Connection
    admin: GroupAdmin
    reader: RosterReader | None = None
    roster_problem: str = ""

    async def existing(self) -> Group:
        """The group.

        Raises:
            SeatNotFoundError: there is none of that name.
        """
        group = await self.admin.describe(self.group_id)
        if not group.exists:
            raise SeatNotFoundError(
                f"There is no group {self.group_id!r} at {', '.join(self.connection.addresses)}: no worker of it has"
                " ever joined there, or it was deleted. Check the name and FRAMEWORK_BOOTSTRAP_SERVERS.",
                group_id=self.group_id,
            )
        return group

    async def overview(self, group: Group) -> Overview:
        """The group with what its workers and its offsets say."""
        topics = {topic for member in group.members for topic in (*member.subscription, *member.assignment)}
        lags = await self.admin.lag(self.group_id, topics) if topics else {}
        reader, now = self.reader, time.monotonic()
        if reader is None:
            return overview(group, None, lags, now, self.roster_problem)
        problem = reader.doubt(now)
        return overview(group, reader.view, lags, now, problem)

    async def open_roster(self) -> RosterReader:
        """Read the roster and follow it.

        Raises:
            RosterUnavailableError: it is missing, or this user may not read it.
        """
        reader = RosterReader(self.connection, self.group_id)
        try:
            await reader.start()
        except BaseException:
            await reader.close()
            raise
        self.reader = reader
        return reader


@asynccontextmanager
async def looking_at(settings: Settings, group_id: str, *, roster: bool = True) -> AsyncIterator[Outlook]:
    """Connect to the brokers, and to the roster where it can be read.

    Args:
        settings: where the brokers are and how to log in.
        group_id: the group.
        roster: whether to read the roster at once.

    Raises:
        BrokerUnavailableError: no broker answers.
        NotAllowedError: the broker refused the credentials.
        SettingsError: a TLS file is of no use.
    """
    silence(settings)
    connection = _connection(settings)
    async with AsyncExitStack() as stack:
        outlook = Outlook(group_id, connection, await stack.enter_async_context(GroupAdmin(connection)))
        stack.push_async_callback(_close_roster, outlook)
        if roster:
            try:
                await outlook.open_roster()
            except RosterUnavailableError as exc:
                outlook.roster_problem = str(exc)
        yield outlook


async def _close_roster(outlook: Outlook) -> None:
    if outlook.reader is not None:
        await outlook.reader.close()


def _connection(settings: Settings) -> Connection:
    try:
        return Connection.from_settings(settings, "framework-command")
    except (ssl.SSLError, OSError) as exc:
        raise SettingsError(
            f"The files for TLS cannot be used: {exc}. Check FRAMEWORK_SSL_CAFILE, FRAMEWORK_SSL_CERTFILE,"
            " FRAMEWORK_SSL_KEYFILE and FRAMEWORK_SSL_KEY_PASSWORD."
        ) from exc


def silence(settings: Settings) -> None:
    """Log only what a person at a command has to know: the errors of the libraries come again as sentences."""
    is_debug = settings.log_level == "DEBUG"
    logs.configure("WARNING" if settings.log_level == "INFO" else settings.log_level, settings.log_format)
    if not is_debug:
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


def no_such_seat(seat: str, group_id: str, there: Iterable[str]) -> SeatNotFoundError:
    """The error for a seat that a group does not have."""
    names = ", ".join(sorted(there))
    has = f"It has {names}." if names else "It has none."
    return SeatNotFoundError(
        f"Group {group_id!r} has no seat {seat!r}. {has}", group_id=group_id, group_instance_id=seat
    )
