"""Reads the roster's topic into a view, one poll after the other; knows nothing of who waits for what is read."""

import asyncio
import time
from collections.abc import Collection, Sequence

import aiokafka.errors as kafka_errors
import structlog

from framework.membership.connection import Connection
from framework.membership.roster import SEATS
from framework.membership.roster_batches import Record
from framework.membership.roster_records import UnreadableRecordError
from framework.membership.roster_silence import Silence
from framework.membership.roster_topic import Use, fitting, unavailable
from framework.membership.roster_view import RosterView
from framework.membership.roster_wire import Wire

log = structlog.get_logger(__name__)

START_WITHIN = 5.0
"""Seconds in which everything that is there has to be read."""

RIGHTS_EVERY = 2.0
"""Seconds between two looks at what this user may do: a right that was taken has to be known of before entries that
nobody may renew are stale."""


class RosterLog:
    """The log of a roster as one reader has it; for one event loop.

    Its methods raise `WIRE_ERRORS` unless they say otherwise.

    Args:
        connection: how to reach the brokers.
        topic: of the roster.
        partitions: what to read of it, `SEATS` or `CONTROL` or both.
        poll_wait: seconds that a broker may hold a poll that finds nothing.
    """

    def __init__(self, connection: Connection, topic: str, partitions: Collection[int], poll_wait: float) -> None:
        self.view = RosterView()
        """What has been read; another object after the topic was made anew."""
        self.silence = Silence()
        """Whether silence in the view proves a death."""
        self.problem = ""
        """Why the topic could not be read when that was tried last; empty where it could."""
        self.at_end_since = float("-inf")
        """Monotonic seconds: what a broker had acknowledged before is in the view."""
        self._connection = connection
        self._topic = topic
        self._wanted_partitions = partitions
        self._poll_wait = poll_wait
        self._wire: Wire | None = None
        self._positions: dict[int, int] = {}
        self._is_begun = False
        self._rights_at = 0.0
        self._has_warned = False

    async def open(self) -> None:
        """Connect if that is not done yet, and read everything that is there if nothing of it has been read."""
        if self._wire is not None:
            return
        try:
            async with asyncio.timeout(START_WITHIN):
                self._wire = await Wire.connect(self._connection, self._topic, self._poll_wait)
                self._note_rights(self._wire)
                if not self._positions:
                    await self._read_whole(self._wire)
        except BaseException:
            await self.hang_up()
            raise

    async def hang_up(self) -> None:
        """Disconnect; `open` goes on from here. Never raises."""
        if self._wire is not None:
            await self._wire.close()
            self._wire = None

    def failed(self, exc: BaseException) -> None:
        """Note that one of `WIRE_ERRORS` was raised here; never raises."""
        self.problem = str(unavailable(self._connection, self._topic, Use.READ, exc))
        if isinstance(exc, kafka_errors.UnknownTopicOrPartitionError | kafka_errors.OffsetOutOfRangeError):
            # The topic that comes next is another one, whatever its offsets.
            self._positions = {}

    async def look_at_rights(self) -> None:
        """Find out what this user may do, when it is time to; between `open` and `hang_up`."""
        assert self._wire is not None, "it is open"
        if SEATS in self._wanted_partitions and time.monotonic() - self._rights_at >= RIGHTS_EVERY:
            await self._wire.locate()
            self._note_rights(self._wire)

    async def poll(self, *, is_urgent: bool) -> bool:
        """Read what has come since the last poll; between `open` and `hang_up`.

        Args:
            is_urgent: whether to return at once, and not to wait until something comes.

        Returns:
            Whether there were records.
        """
        assert self._wire is not None, "it is open"
        began_at = time.monotonic()
        # That a trouble is over is to be known at once, not after a poll that finds nothing.
        found = await self._wire.fetch(self._positions, 0.0 if is_urgent or self.problem else self._poll_wait)
        self._was_read()
        for partition, fetched in found.items():
            self._positions[partition] = fetched.position
            self._take(self.view, fetched.records, since=self.at_end_since)
        if not any(fetched.is_behind for fetched in found.values()):
            self.at_end_since = began_at
        return any(fetched.records for fetched in found.values())

    def _note_rights(self, wire: Wire) -> None:
        self._rights_at = time.monotonic()
        self.silence.has_rights(wire.may_write, self._rights_at)

    async def _read_whole(self, wire: Wire) -> None:
        partitions = {fitting(wanted, wire.partitions) for wanted in self._wanted_partitions}
        positions = {partition: await wire.earliest(partition) for partition in partitions}
        records: dict[int, list[Record]] = {partition: [] for partition in partitions}
        behind = dict(positions)
        while behind:
            found = await wire.fetch(behind, 0.0)
            for partition, fetched in found.items():
                positions[partition] = fetched.position
                records[partition] += fetched.records
            behind = {partition: fetched.position for partition, fetched in found.items() if fetched.is_behind}
        view = RosterView()
        for of_partition in records.values():
            self._take(view, of_partition)
        if self._is_begun:
            # A topic that was made anew knows nobody until everybody has written.
            self.silence.start_over(time.monotonic())
        self.view, self._positions, self._is_begun = view, positions, True
        self._was_read()

    def _was_read(self) -> None:
        self.silence.was_read(time.monotonic())
        self.problem = ""

    def _take(self, view: RosterView, records: Sequence[Record], since: float = float("-inf")) -> None:
        """Let the view have the records, each as old as the last one beside it proves it to be.

        An entry that was followed by others for a minute is a minute old, also for a reader that has just started. The
        last record counts, not the newest: after a change of leaders to a broker whose clock is behind, everything that
        is written would look old beside what was written before, and live workers like dead ones.

        None is older than the last look at the end, which it came after: a broker's clock that is set, or a leader
        whose clock is ahead, must not make a live worker look dead.

        Args:
            view: to take them in.
            records: of one partition, in order.
            since: monotonic seconds of the last look at the end.
        """
        now = time.monotonic()
        for record in records:
            age = max(0, records[-1].written_ms - record.written_ms) / 1000 if record.is_broker_time else 0.0
            age = min(age, now - since)
            try:
                view.apply(record.key, record.value, now - age, record.written_ms)
            except UnreadableRecordError as exc:
                self._warn_once(record, exc)

    def _warn_once(self, record: Record, exc: UnreadableRecordError) -> None:
        if not self._has_warned:
            self._has_warned = True
            log.warning(
                "roster.unreadable",
                topic=self._topic,
                key=repr(record.key),
                problem=f"A record is ignored, and others like it will be without a word: {exc}. Let nothing but this"
                " framework write to the topic; a newer format needs a newer version here.",
            )
