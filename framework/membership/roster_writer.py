"""Writes to the roster: a worker's entries, and what commands have to say; decides nothing about when."""

import time

import aiokafka.errors as kafka_errors
import structlog

from framework.errors import RosterUnavailableError
from framework.membership.connection import Connection
from framework.membership.roster import CONTROL, SEATS, Entry, Wanted, topic_name
from framework.membership.roster_records import WANTED_KEY, encode, encode_wanted
from framework.membership.roster_topic import Use, ensure_topic, fitting, unavailable, write_record
from framework.membership.roster_wire import WIRE_ERRORS, Wire

log = structlog.get_logger(__name__)

SOON = 1.0
"""Seconds after which a topic that somebody deleted is made again where somebody depends on it."""


class RosterWriter:
    """Writes entries to the roster of a group over a connection that it keeps; for one event loop.

    It creates the topic where it is missing.

    Args:
        connection: how to reach the brokers.
        group_id: the group.
        replication_factor: copies of the topic, should it have to be created.
        patience: seconds after which a topic that somebody deleted is created again, and between two tries to.
    """

    def __init__(self, connection: Connection, group_id: str, replication_factor: int, patience: float) -> None:
        self._connection = connection
        self._group_id = group_id
        self._topic = topic_name(group_id)
        self._replication_factor = replication_factor
        self._patience = self._create_within = patience
        self._wire: Wire | None = None
        # When the topic may be created next; None while it is there.
        self._create_at: float | None = 0.0
        self._refused: RosterUnavailableError | None = None

    async def write(self, entry: Entry) -> None:
        """Write an entry.

        It is tried once more over a new connection if the one at hand fails, whose broker may have restarted.

        Raises:
            RosterUnavailableError: it was not written.
        """
        key, value = entry.group_instance_id.encode(), encode(entry)
        # Those who are shadowed, and their shadows, cannot do without.
        self._create_within = min(self._patience, SOON) if entry.is_waited_for else self._patience
        for _ in range(1 if self._wire is None else 2):
            try:
                if self._wire is None:
                    self._wire = await self._connect()
                await self._wire.write(fitting(SEATS, self._wire.partitions), key, value)
            except WIRE_ERRORS as exc:
                await self.close()
                error = unavailable(self._connection, self._topic, Use.WRITE, exc)
            else:
                self._create_at = self._refused = None
                return
        raise error

    async def _connect(self) -> Wire:
        wire = await Wire.connect(self._connection, self._topic)
        if wire.partitions:
            return wire
        await wire.close()
        await self._create()
        return await Wire.connect(self._connection, self._topic)

    async def _create(self) -> None:
        """Create the topic: at the start at once, later only when it has been gone for a while.

        Raises:
            RosterUnavailableError: the topic may not be created.
            UnknownTopicOrPartitionError: it is not to be created yet.
        """
        now = time.monotonic()
        if self._create_at is None:
            self._create_at = now + self._create_within
        if now < self._create_at:
            raise self._refused or kafka_errors.UnknownTopicOrPartitionError()
        self._create_at = now + self._create_within
        try:
            is_new = await ensure_topic(self._connection, self._group_id, self._replication_factor)
        except RosterUnavailableError as exc:
            self._refused = exc
            raise
        if is_new:
            log.info("roster.created", topic=self._topic)

    async def close(self) -> None:
        """Hang up; the next write connects again."""
        if self._wire is not None:
            await self._wire.close()
            self._wire = None


async def write_wanted(connection: Connection, group_id: str, wanted: Wanted, replication_factor: int) -> None:
    """Write what an operator wants of the group; creates the topic if it is not there.

    Raises:
        RosterUnavailableError: the topic can be neither written nor created, or no broker answers.
    """
    await ensure_topic(connection, group_id, replication_factor)
    await write_record(connection, topic_name(group_id), CONTROL, WANTED_KEY, encode_wanted(wanted))


async def forget(connection: Connection, group_id: str, seat: str) -> None:
    """Delete a seat's entry from the roster, with a record without a value.

    Raises:
        RosterUnavailableError: the topic is missing, this user may not write to it, or no broker answers.
    """
    await write_record(connection, topic_name(group_id), SEATS, seat.encode(), None)
