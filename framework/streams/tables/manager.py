"""Faust's manager of tables: no fixed wait at its start, and what is known of the tables of this process."""

import asyncio
import contextlib
import logging
from collections.abc import Collection
from typing import Any

import structlog
from faust.tables.manager import TableManager as FaustTableManager
from faust.types import TP

from framework.streams.tables.flushing import Flushing
from framework.streams.tables.recovery import Recovery, Undecodable
from framework.streams.tables.sources import Sources
from framework.streams.tables.written import Written

log = structlog.get_logger(__name__)

LAST_FLUSH = 10.0
"""Seconds that a stop waits for changes to be confirmed; what is not is read from the changelog again."""


class TableManager(FaustTableManager):
    """Registers the tables as soon as the agents have started."""

    logger = logging.getLogger("faust.framework.tables")

    _recovery: Recovery | None
    _changelog_queue: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.applied: dict[TP, int] = {}
        """What a shadow has applied in this process: `{changelog partition: offset of the last record applied}`."""
        self.sources = Sources()
        """Which source record made each change of a table."""
        self._undecodable: set[TP] = set()
        self.is_reading = False
        """Whether changelogs of active partitions are read, or are about to be."""
        self.written = Written()
        """What this process has written to its partitions."""
        self.flushing = Flushing(self._on_lost_changes)
        """Sends what was changed."""

    @property
    def recovery(self) -> Recovery:
        """The service that recovers the tables."""
        if self._recovery is None:
            self._recovery = Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery

    @property
    def changelog_queue(self) -> Any:
        """Records on their way from the consumer to the tables; unlike Faust's it is not emptied when the flow resumes.

        What is stale in it is dropped where positions are set, see `Recovery`.
        """
        if self._changelog_queue is None:
            self._changelog_queue = self.app.FlowControlQueue(
                maxsize=self.app.conf.stream_buffer_maxsize, clear_on_resume=False
            )
        return self._changelog_queue

    @property
    def standby_tps(self) -> Collection[TP]:
        """Changelog partitions that are read only to keep up with their owners."""
        return () if self._recovery is None else self._recovery.standby_tps

    @property
    def followed(self) -> Collection[TP]:
        """The same; none while tables are recovered."""
        return () if self._recovery is None or self._recovery.in_recovery else self.standby_tps

    async def _update_channels(self) -> None:
        """As in Faust; a record that cannot be decoded is left out, as there, and does not end the worker."""
        await super()._update_channels()
        for channel in self._channels.values():
            channel.on_key_decode_error = channel.on_value_decode_error = self._on_undecodable

    async def _on_undecodable(self, error: Exception, message: Any) -> None:
        if message.tp not in self._undecodable:
            # A model that has changed makes all records so.
            self._undecodable.add(message.tp)
            log.error(
                "tables.undecodable",
                topic=message.topic,
                partition=message.partition,
                offset=message.offset,
                error=str(error),
            )
        # Whatever the queue's limit: of this partition nothing waits for a place, or it would not be this one's turn.
        self.changelog_queue.force_put_nowait(Undecodable(message))

    # --- changes on their way -----------------------------------------------------------------------------------------

    async def flush(self) -> None:
        """Hand all collected changes over to the outbox; before each commit.

        Raises:
            ProducerSendError: changes were lost, now or earlier. What made them must not be committed.
        """
        await self.flushing.flush()

    async def ebb(self) -> None:
        """Wait for a flush if too many changes wait for one; between two turns of a stream."""
        await self.flushing.ebb()

    async def _on_lost_changes(self, error: BaseException) -> None:
        self.log.error("Changes of tables were lost, and the worker ends: %s", error)
        await self.app.on_lost(error)

    async def on_stop(self) -> None:
        """As in Faust; what was changed is sent, and stores that wait for the changelog are told what they can be."""
        with contextlib.suppress(Exception):  # what cannot be sent is not committed, and made again
            async with asyncio.timeout(LAST_FLUSH):
                await self.flushing.flush()
                await self.flushing.settle()
        await super().on_stop()

    # --- what is known of partitions ----------------------------------------------------------------------------------

    def forget(self, tp: TP) -> None:
        """Forget what is known of a changelog partition: from now on somebody else may write to it."""
        self.applied.pop(tp, None)
        self.written.forget(tp)
        self.sources.forget(tp)
        table: Any = self._changelogs.get(tp.topic)
        if hasattr(table, "forget"):
            table.forget(tp.partition)

    def read(self, is_reading: bool) -> None:
        """Changelogs of active partitions are read from now on, or no more."""
        self.is_reading = is_reading
        for table in self.values():
            if hasattr(table, "read"):
                table.read(is_reading)

    def change_role(self, tp: TP) -> None:
        """Forget what this process knows of a partition that it goes on with; what its database knows stays."""
        self.forget(tp)
        store = self._store_of(tp)
        if hasattr(store, "read_again"):
            store.read_again(tp.partition)

    def empty(self, tps: Collection[TP]) -> None:
        """Have nothing of partitions that are read from their beginning next."""
        for topic in {tp.topic for tp in tps}:
            table: Any = self._changelogs.get(topic)
            if hasattr(table, "empty"):
                table.empty({tp.partition for tp in tps if tp.topic == topic})

    def forget_all_but(self, tps: Collection[TP]) -> None:
        """Forget what is known of partitions that are not among these, and close their databases."""
        for tp in (self.applied.keys() | self.sources.known()) - set(tps):
            self.forget(tp)
            store = self._store_of(tp)
            if hasattr(store, "release"):
                store.release(tp.partition)

    def _store_of(self, tp: TP) -> Any:
        data: Any = getattr(self._changelogs.get(tp.topic), "data", None)
        # A table of sets has its database behind its objects.
        return getattr(data, "storage", data)

    async def on_start(self) -> None:
        """Register changelogs and start recovery.

        Faust sleeps a second first, so that agents have registered their topics. The conductor, which is what needs
        them, waits for the agents by itself before it subscribes.
        """
        if not self.should_stop:
            await self._update_channels()
            await self.recovery.start()
