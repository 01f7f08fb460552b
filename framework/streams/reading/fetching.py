"""The consumer's thread as the source of records: every batch knows which position it was read from."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from aiokafka.errors import ConsumerStoppedError, IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from framework.streams.reading.corrupt import Corrupt
from framework.streams.reading.unpacking import take

BUSY = 500
"""Records in a run from which on its partition counts as busy."""

BUSY_WAIT_MS = 5
"""How long the broker may hold a fetch that finds nothing while some partition is busy."""

QUIET = 3.0
"""Seconds without a record, an assignment or a pause after which nothing is expected to happen soon."""

QUIET_WAIT_MS = 300
"""How long the broker may hold a fetch then: most of what an idle worker costs is asking for records."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one call of fetch gave.

    Attributes:
        records: `{partition: records in order}`, as aiokafka's ConsumerRecords.
        runs: `{partition: (records in order, bytes of their values)}`, as they are in its buffers.
        seeks: `{partition: how often its position had been set when these were read}`. If it has been set again since,
            the records are not the next ones any more: whoever set the position will have them read again, or not.
        ends: `{partition: end offset as the broker told it}`.
    """

    records: Mapping[TP, list[Any]] = field(default_factory=dict)
    runs: Mapping[TP, tuple[list[Any], int]] = field(default_factory=dict)
    seeks: Mapping[TP, int] = field(default_factory=dict)
    ends: Mapping[TP, int] = field(default_factory=dict)


class FetchingThread(driver.AIOKafkaConsumerThread):
    """Counts, for each partition, how often its position was set.

    The counts are written by this thread alone, in the same step as the position; the event loop of the app reads them.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.seeks: Counter[TP] = Counter()
        self._origins: dict[TP, int] = {}
        self._assignments = 0
        self._waiter: asyncio.Future[None] | None = None
        self._corrupt = Corrupt()
        self._active_at = monotonic()

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: set[TP],
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> Fetched:
        if not self.consumer.flow_active:
            return Fetched()
        fetcher = consumer._fetcher
        if consumer._closed or fetcher._closed:
            raise ConsumerStoppedError
        with fetcher._subscriptions.fetch_context():
            if self.consumer.takes_runs:
                records, runs = await self._fetch_runs(fetcher, active_partitions, timeout or 0.0)
                fetcher._fetch_max_wait_ms = self._wait_ms(records, runs, consumer._fetch_max_wait_ms)
            else:
                records = await fetcher.fetched_records(active_partitions, timeout=timeout, max_records=max_records)
                runs = {}
        # No await from here: the position has moved with the read, and the count must be the one it was read under.
        for tp, batch in records.items():
            self._origins.setdefault(tp, batch[0].offset)
        for tp, (run, _) in runs.items():
            self._origins.setdefault(tp, run[0].offset)
        found = records.keys() | runs.keys()
        return Fetched(records, runs, {tp: self.seeks[tp] for tp in found}, {tp: self.highwater(tp) for tp in found})

    def _wait_ms(self, records: Any, runs: Mapping[TP, tuple[list[Any], int]], usual: int) -> int:
        """How long the broker may hold the next fetch.

        A partition that is used up waits for the poll in flight of the others, which may have nothing.
        """
        now = monotonic()
        if records or runs:
            self._active_at = now
        if any(len(run) > BUSY for run, _ in runs.values()):
            return BUSY_WAIT_MS
        return usual if now - self._active_at < QUIET else max(usual, QUIET_WAIT_MS)

    async def _fetch_runs(self, fetcher: Any, partitions: Any, timeout: float) -> Any:
        """Take what has been fetched, or wait for it; what aiokafka's `fetched_records` does."""
        ends_at = monotonic() + timeout
        while True:
            if fetcher._subscriptions.reassignment_in_progress:
                await fetcher._subscriptions.wait_for_assignment()
            singles, runs = take(fetcher, partitions, self.consumer.is_taken_by_run, self._corrupt)
            remaining = ends_at - monotonic()
            if singles or runs or remaining <= 0:
                return singles, runs
            self._waiter = fetcher._create_fetch_waiter()
            done, _ = await asyncio.wait([self._waiter], timeout=remaining)
            if not done or fetcher._closed:
                self._waiter.cancel()
                return {}, {}
            self._waiter.result()  # an error of the subscription

    def look_again(self) -> None:
        """Have whoever waits for records look at once whether there are some; safe to call from any thread."""
        self.thread_loop.call_soon_threadsafe(self._look_again)

    def _look_again(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Called by aiokafka after a join, which has set each position anew."""
        self._assignments += 1
        self._active_at = monotonic()
        self._origins.clear()
        self._corrupt.clear()
        self.seeks.update(assigned)
        # Before anything of them is fetched: all of a changelog would come at once, and the others would wait for it.
        self._set_paused([tp for tp in assigned if self.consumer._is_changelog_tp(tp)], True)
        await super().on_partitions_assigned(assigned, generation_id)

    def pause_fetching(self, partitions: Iterable[TP], *, paused: bool) -> None:
        """Have partitions fetched from now on, or not; safe to call from any thread, of whatever is still assigned.

        Faust's own pausing keeps records from being read, and not from being fetched.
        """
        self.thread_loop.call_soon_threadsafe(self._set_paused, list(partitions), paused)

    def _set_paused(self, partitions: Iterable[TP], paused: bool) -> None:
        consumer = self._consumer
        if consumer is None:
            return
        self._active_at = monotonic()
        known = consumer.assignment()
        for tp in map(driver.ensure_aiokafka_TP, partitions):
            if tp in known:
                (consumer.pause if paused else consumer.resume)(tp)

    async def seek_to_origin(self, partitions: Iterable[TP]) -> Mapping[TP, int | None]:
        """Go back to where each partition is to be read from: its committed offset, or where reading it began.

        aiokafka leaves a partition without a committed offset where it is. But what was read of it meanwhile has been
        thrown away, and would be lost.

        Returns:
            `{partition: committed offset, None where there is none}`.

        Raises:
            aiokafka.errors.IllegalStateError: a rebalance came in between; the next assignment is positioned by itself.
        """
        committed: Mapping[TP, int | None] = await self.call_thread(self._seek_to_origin, list(partitions))
        return committed

    async def _seek_to_origin(self, partitions: list[TP]) -> dict[TP, int | None]:
        consumer, assignment = self._ensure_consumer(), self._assignments
        committed = {}
        for tp in partitions:
            committed[tp] = await consumer.committed(driver.ensure_aiokafka_TP(tp))
            if self._assignments != assignment:
                # What was read is the offset from before the revoke, which has committed since.
                raise IllegalStateError("rebalanced while seeking")
            origin = self._origins.get(tp) if committed[tp] is None else committed[tp]
            if origin is not None:
                self._set_position(tp, origin)
        return committed

    async def seek_back(self, tp: TP, offset: int, seeks: int) -> None:
        """Have a partition read again from `offset`, unless its position has been set since the count was `seeks`."""
        await self.call_thread(self._seek_back, tp, offset, seeks)

    async def _seek_back(self, tp: TP, offset: int, seeks: int) -> None:
        if self.seeks[tp] == seeks and tp in self.assignment():
            self._set_position(tp, offset)

    async def seek_now(self, tp: TP, offset: int) -> None:
        """Set the position of one partition, in this thread."""
        await self.call_thread(self._seek_now, tp, offset)

    async def _seek_now(self, tp: TP, offset: int) -> None:
        self._set_position(tp, offset)

    def _set_position(self, tp: TP, offset: int) -> None:
        self._ensure_consumer().seek(driver.ensure_aiokafka_TP(tp), offset)
        self.seeks[tp] += 1

    async def _seek_wait(self, consumer: Any, partitions: Mapping[TP, int]) -> None:
        self.seeks.update(partitions.keys())
        await super()._seek_wait(consumer, partitions)
        for tp in filter(self.consumer._is_changelog_tp, partitions):
            # Faust takes the record at the position for one that was delivered. Recovery sets it to the next one.
            self.consumer._read_offset[tp] = None

    async def seek_to_beginning(self, *partitions: Any) -> None:
        """Read partitions from their first offset."""
        await self.call_thread(self._seek_to_beginning, partitions)

    async def _seek_to_beginning(self, partitions: Iterable[Any]) -> None:
        await self._ensure_consumer().seek_to_beginning(*partitions)
        self.seeks.update(partitions)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """As in Faust; but a partition whose position is just being reset, out of range, has none to look at.

        Nor has one that was taken away meanwhile. Faust's watch over commits would end the worker with that error.
        """
        with contextlib.suppress(AssertionError, AttributeError):
            super().verify_event_path(now, tp)

    async def _highwaters(self, partitions: Iterable[Any]) -> Mapping[TP, int]:
        """The end of each partition; in transactions the end of what is decided, which the brokers know.

        Faust takes there what the last fetch has told. Before the first one that is nothing, and no table is recovered.
        """
        ends: Mapping[TP, int] = await self._ensure_consumer().end_offsets(partitions)
        return ends

    def topic_partitions(self, topic: str) -> int | None:
        """Number of partitions of a topic, None if it is not known.

        Faust asks the leader's snapshot, in which a topic that has just been created counts 0; a table would refuse to
        be written then.
        """
        if self._consumer is None:
            return None
        return len(self._consumer._client.cluster.partitions_for_topic(topic) or ()) or None
