"""Reads the roster's topic into a view and keeps it current, and writes what commands have to say there."""

import asyncio
import contextlib
import time
from collections.abc import Sequence

import aiokafka.errors as kafka_errors
import structlog

from framework.errors import RosterUnavailableError
from framework.membership.connection import Connection
from framework.membership.roster import CONTROL, SEATS, Wanted, topic_name
from framework.membership.roster_batches import Record
from framework.membership.roster_records import WANTED_KEY, UnreadableRecordError, encode_wanted
from framework.membership.roster_silence import Silence
from framework.membership.roster_topic import Use, doubtful, ensure_topic, fitting, unavailable, write_record
from framework.membership.roster_view import RosterView
from framework.membership.roster_wire import WIRE_ERRORS, Wire

log = structlog.get_logger(__name__)

START_WITHIN = 5.0
"""Seconds in which everything that is there has to be read."""

TO_END_WITHIN = 2.0
"""Seconds that `read_to_end` waits; several polls that find nothing fit in."""

RETRY_AFTER = 1.0
"""Seconds between tries to read again."""

RIGHTS_EVERY = 2.0
"""Seconds between two looks at what this user may do: a right that was taken has to be known of before entries that
nobody may renew are stale."""

_PACE = 0.1
"""Seconds between polls that bring something: each worker writes each second, and one by one they need not be read."""


class RosterReader:
    """A view of a group's roster that follows what the workers write; for one event loop, whichever it is.

    Args:
        connection: how to reach the brokers.
        group_id: the group.
        only_control: read only what an operator asked for, not the seats.
        poll_wait: seconds that a broker may hold a poll that finds nothing. Below `CURRENT_WITHIN` where `is_current`
            matters.
    """

    def __init__(
        self,
        connection: Connection,
        group_id: str,
        *,
        only_control: bool = False,
        poll_wait: float = 0.5,
        pace: float = _PACE,
    ) -> None:
        self._connection = connection
        self._topic = topic_name(group_id)
        self._wanted_partitions = (CONTROL,) if only_control else (SEATS, CONTROL)
        self._poll_wait, self._pace = poll_wait, pace
        self._view = RosterView()
        self._wire: Wire | None = None
        self._task: asyncio.Task[None] | None = None
        self._positions: dict[int, int] = {}
        self._silence = Silence()
        self._is_begun = False
        self._rights_at = 0.0
        self._problem = ""
        self._news = asyncio.Event()
        # Renewed with each poll: set when it has ended, well or not.
        self._polled = asyncio.Event()
        self._at_end_since = float("-inf")
        self._in_a_hurry = 0
        self._hurry = asyncio.Event()
        self._has_warned = False

    @property
    def view(self) -> RosterView:
        """What has been read; another object after the topic was made anew."""
        return self._view

    def is_current(self, now: float) -> bool:
        """Whether the view can be relied upon; False while the topic cannot be read.

        Args:
            now: monotonic seconds.
        """
        return self._silence.is_current(now)

    def is_telling(self, now: float) -> bool:
        """Whether silence in the view proves a death; stricter than `is_current`, see `Doubt`.

        Args:
            now: monotonic seconds.
        """
        return self._silence.doubt(now) is None

    def doubt(self, now: float) -> str:
        """Why it is not telling, and what to do, as sentences for a person; empty where it is."""
        doubt = self._silence.doubt(now)
        return doubtful(self._connection, self._topic, doubt, self._problem) if doubt is not None else ""

    @property
    def problem(self) -> str:
        """Why the topic could not be read when that was tried last; empty where it could."""
        return self._problem

    async def start(self) -> None:
        """Read everything that is there, then follow in the background.

        Raises:
            RosterUnavailableError: the topic is missing, this user may not read it, or no broker answers; `start` may
                be called again.
        """
        try:
            await self._open()
        except WIRE_ERRORS as exc:
            raise unavailable(self._connection, self._topic, Use.READ, exc) from exc
        self._news.clear()
        self._task = asyncio.create_task(self._follow())

    async def changed(self, timeout: float | None) -> bool:
        """Wait until new records have come since the last call; for one caller.

        Args:
            timeout: seconds after which to give up; None waits for ever.

        Returns:
            Whether they have.
        """
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), timeout)
        has_news = self._news.is_set()
        self._news.clear()
        return has_news

    async def read_to_end(self) -> None:
        """Wait until all that a broker had acknowledged before this call is in the view; after `start`.

        Raises:
            RosterUnavailableError: it cannot be read just now.
            TimeoutError: no broker has answered within `TO_END_WITHIN`.
        """
        called_at = time.monotonic()
        self._in_a_hurry += 1
        self._hurry.set()
        try:
            async with asyncio.timeout(TO_END_WITHIN):
                while self._at_end_since < called_at:
                    if self._problem:
                        raise RosterUnavailableError(self._problem)
                    await self._polled.wait()
        finally:
            self._in_a_hurry -= 1

    async def close(self) -> None:
        """Stop following; the view stays as it is. Safe to call again, and without `start`."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        await self._hang_up()
        self._silence.is_unread()

    # --- the background -----------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        while True:
            try:
                if self._wire is None:
                    await self._open()
                assert self._wire is not None
                await self._look_at_rights(self._wire)
                await self._poll(self._wire)
            except WIRE_ERRORS as exc:
                log.debug("roster.not_followed", topic=self._topic, error=repr(exc))
                self._problem = str(unavailable(self._connection, self._topic, Use.READ, exc))
                self._poll_ended()
                if isinstance(exc, kafka_errors.UnknownTopicOrPartitionError | kafka_errors.OffsetOutOfRangeError):
                    # The topic that comes next is another one, whatever its offsets.
                    self._positions = {}
                await self._hang_up()
                await asyncio.sleep(RETRY_AFTER)

    async def _open(self) -> None:
        try:
            async with asyncio.timeout(START_WITHIN):
                self._wire = await Wire.connect(self._connection, self._topic, self._poll_wait)
                self._note_rights(self._wire)
                if not self._positions:
                    await self._read_whole(self._wire)
        except BaseException:
            await self._hang_up()
            raise

    async def _hang_up(self) -> None:
        if self._wire is not None:
            await self._wire.close()
            self._wire = None

    async def _look_at_rights(self, wire: Wire) -> None:
        if SEATS in self._wanted_partitions and time.monotonic() - self._rights_at >= RIGHTS_EVERY:
            await wire.locate()
            self._note_rights(wire)

    def _note_rights(self, wire: Wire) -> None:
        self._rights_at = time.monotonic()
        self._silence.has_rights(wire.may_write, self._rights_at)

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
            self._silence.start_over(time.monotonic())
        self._view, self._positions, self._is_begun = view, positions, True
        self._was_read()

    async def _poll(self, wire: Wire) -> None:
        # That a trouble is over is to be known at once, not after a poll that finds nothing.
        is_urgent = self._problem or self._in_a_hurry
        began_at = time.monotonic()
        found = await wire.fetch(self._positions, 0.0 if is_urgent else self._poll_wait)
        self._was_read()
        for partition, fetched in found.items():
            self._positions[partition] = fetched.position
            self._take(self._view, fetched.records, since=self._at_end_since)
        if not any(fetched.is_behind for fetched in found.values()):
            self._at_end_since = began_at
        self._poll_ended()
        if any(fetched.records for fetched in found.values()):
            self._news.set()
            if not self._in_a_hurry:
                self._hurry.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._hurry.wait(), self._pace)

    def _poll_ended(self) -> None:
        self._polled.set()
        self._polled = asyncio.Event()

    def _was_read(self) -> None:
        self._silence.was_read(time.monotonic())
        self._problem = ""

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
