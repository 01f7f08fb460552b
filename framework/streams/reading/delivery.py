"""From fetched records to the agents: nothing skipped, nothing twice.

What Faust delivers around a rebalance depends on which of its tasks runs first. Here two rules hold instead:

1. One task delivers. It delivers a batch only if the position of its partition has not been set since it was read
   (`Fetched.seeks`), checked for each record: a rebalance may come in the middle of a batch. And of a new assignment it
   delivers nothing before the positions were set to the committed offsets (`_positioned`): Faust resumes first.
2. A record that was read and is not delivered is read again: either somebody has set the position since, or it is set
   back here.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from faust.types import TP

from framework.streams.reading.committing import CommittingConsumer
from framework.streams.reading.fetching import Fetched, FetchingThread
from framework.streams.reading.following import ENOUGH, Backlog

TURN = 0.01
"""Seconds after which the event loop is let go of, and that followed changelogs have after each fetch."""

FOLLOW_AFTER = 1.0
"""Seconds after a recovery before changelogs that are only followed are fetched: agents go on first."""

FETCH_TIMEOUT = 0.25
"""Seconds to wait for records; also how late a partition is noticed that was resumed with records at hand."""


class DeliveringConsumer(CommittingConsumer):
    """Faust's consumer with its own way of a record."""

    _thread: FetchingThread
    _n_acked: int

    takes_runs = False
    """Whether anything is to be fetched as it is in aiokafka's buffers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Held while positions are set, so that no record is delivered between the seek and what belongs to it here.
        self._seeking = asyncio.Lock()
        self._resumed = asyncio.Event()
        self._sought: frozenset[TP] = frozenset()
        self._positioned: frozenset[TP] = frozenset()
        self._is_rebalancing = False
        self._backlog = Backlog()

    # --- reading ------------------------------------------------------------------------------------------------------

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            while not (self.should_stop or fetcher.should_stop):
                async for tp, message in self.getmany(FETCH_TIMEOUT):
                    await self._deliver(tp, message)
                await asyncio.sleep(0)
        except (*self.consumer_stopped_errors, asyncio.CancelledError):
            if not self.app.should_stop:
                raise

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        """Yield the next records, partition by partition in turns; what may not be delivered is read again later.

        The event loop is let go of every `TURN` seconds. Changelogs that are only followed have one after each fetch.
        """
        fetched = await self._fetch(TURN if self._backlog else timeout)
        async with self._seeking:
            pass
        await self._deliver_runs(fetched)
        for tp, end in fetched.ends.items():
            self.app.monitor.track_tp_end_offset(tp, end)
        skipped: dict[TP, int] = {}
        followed, turn_ends = self.app.tables.followed, time.monotonic() + TURN
        for tp, record in self.scheduler.iterate(fetched.records):
            if time.monotonic() >= turn_ends:
                await asyncio.sleep(0)
                turn_ends = time.monotonic() + TURN
            if tp in skipped or not self._may_deliver(tp):
                skipped.setdefault(tp, record.offset)
            elif tp in followed:
                self._backlog.add(tp, record, fetched.seeks[tp])
            elif self._thread.seeks[tp] == fetched.seeks[tp]:
                yield tp, self._to_message(tp, record)
                if self._read_offset[tp] != record.offset:
                    # The flow stopped while it waited for a place in the queue.
                    skipped[tp] = record.offset
        for tp, offset in skipped.items():
            await self._thread.seek_back(tp, offset, fetched.seeks[tp])
        async for tp, message in self._followed():
            yield tp, message

    async def _deliver_runs(self, fetched: Fetched) -> None:
        """Deliver what was not fetched record by record; here nothing is."""

    async def _followed(self) -> AsyncIterator[tuple[TP, Any]]:
        """Yield records of followed changelogs, for one turn and as long as they need not wait."""
        turn_ends = time.monotonic() + TURN
        while (following := self._backlog.next_partition) is not None and time.monotonic() < turn_ends:
            if not self._may_deliver(following):
                for tp, (offset, seeks) in self._backlog.drop({following}).items():
                    await self._thread.seek_back(tp, offset, seeks)
                continue
            if not self._has_room(following):
                return
            tp, record, seeks = self._backlog.pop()
            # Whoever has set the position since has them read again, or not.
            if self._thread.seeks[tp] == seeks:
                yield tp, self._to_message(tp, record)
                if self._read_offset[tp] != record.offset:
                    self._backlog.drop({tp})
                    await self._thread.seek_back(tp, record.offset, seeks)

    def _may_deliver(self, tp: TP) -> bool:
        """Whether agents may have records of a partition now: the flow is on, it is not paused, its position is set."""
        if not self.flow_active or self.should_stop:
            return False
        is_active = tp in self._active_partitions or tp in self._buffered_partitions
        is_positioned = tp in self._positioned or self._is_changelog_tp(tp)
        return bool(self.app.client_only or (is_active and is_positioned))

    def _has_room(self, tp: TP) -> bool:
        """Whether a record can be put into its agents' queues without waiting."""
        buffer = self.app.producer.buffer
        is_full = any(channel.queue.full() for channel in self.app.topics._tp_index[tp])
        return buffer.size <= buffer.max_messages and not is_full

    async def _fetch(self, timeout: float) -> Fetched:
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        if self.should_stop:
            return Fetched()
        active = None if self.app.client_only else self._wanted_partitions()
        if active is not None and not active:
            self._resumed.clear()
            await self.wait(self._resumed, timeout=timeout)
            return Fetched()
        if active is not None and len(self._backlog) >= ENOUGH:
            active = active - self._backlog.partitions()
            if not active:
                await asyncio.sleep(timeout)
                return Fetched()
        # Else the set itself and not a copy: a partition that is resumed meanwhile is read by the same call.
        fetched: Fetched = await self._getmany(active_partitions=active, timeout=timeout)
        return fetched

    def _wanted_partitions(self) -> set[TP]:
        """Those that are to be read now."""
        active: set[TP] = self._get_active_partitions()
        return active

    def resume_partitions(self, tps: Any) -> None:
        """As in Faust; wakes the reader. Changelogs are fetched from here on, those that are only followed a bit later.

        Recovery resumes these just before the agents' partitions, which would wait for the first megabytes of them.
        """
        super().resume_partitions(tps)
        self._resumed.set()
        changelogs = {tp for tp in tps if self._is_changelog_tp(tp)}
        followed = changelogs & set(self.app.tables.standby_tps)
        self._fetch_changelogs(changelogs - followed)
        if followed:
            self.loop.call_later(FOLLOW_AFTER, self._fetch_changelogs, followed)

    def pause_partitions(self, tps: Any) -> None:
        """As in Faust; changelogs are not even fetched any more."""
        super().pause_partitions(tps)
        changelogs = {tp for tp in tps if self._is_changelog_tp(tp)}
        if changelogs:
            self._thread.pause_fetching(changelogs, paused=True)

    def _fetch_changelogs(self, changelogs: set[TP]) -> None:
        wanted = changelogs - self._paused_partitions
        # Whoever has stopped meanwhile has no thread any more.
        if wanted and not self.should_stop:
            self._thread.pause_fetching(wanted, paused=False)

    def on_buffer_drop(self, tp: TP) -> None:
        """As in Faust; wakes the reader."""
        super().on_buffer_drop(tp)
        self._resumed.set()

    async def _deliver(self, tp: TP, message: Any) -> None:
        last, offset = self._read_offset[tp], message.offset
        if self.app.topics.acks_enabled_for(message.topic):
            if self._committed_offset[tp] is None:
                # Nothing was ever committed: what is delivered first is the lowest that can be unfinished.
                self._committed_offset[tp] = offset
            if last is not None and offset > last + 1:
                # Not Faust's `_add_gap`: it leaves out the committed offset itself, and no commit passes that.
                self._gap[tp].addi(last + 1, offset)
        if self._commit_every is not None and self._n_acked >= self._commit_every:
            self._n_acked = 0
            await self.commit()
        if not self._may_deliver(tp):
            return
        seeks = self._thread.seeks[tp]
        if self._has_room(tp):
            await self.callback(message)
        else:
            await self.wait_first(self.callback(message), self.suspend_flow.wait())
        # A flow that stops meanwhile ends the wait for a place in the queues, and empties them.
        if self.flow_active and self._thread.seeks[tp] == seeks:
            self._read_offset[tp] = offset

    # --- positions ----------------------------------------------------------------------------------------------------

    async def perform_seek(self) -> None:
        """Go back to the committed offsets of all partitions but those of changelogs, whose positions recovery sets."""
        async with self._seeking:
            partitions = [tp for tp in self.assignment() if not self._is_changelog_tp(tp)]
            committed = await self._thread.seek_to_origin(partitions)
            for tp, offset in committed.items():
                self._committed_offset[tp] = offset
                self._read_offset[tp] = None if offset is None else offset - 1
            self._sought = frozenset(partitions)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """As in Faust; the flow stays stopped until the next assignment."""
        self._is_rebalancing = True
        self._sought = self._positioned = frozenset()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """As in Faust; nothing of the new assignment is delivered before its positions are set."""
        self._is_rebalancing = False
        self._sought = self._positioned = frozenset()
        await super().on_partitions_assigned(assigned, generation_id)

    def resume_flow(self) -> None:
        """As in Faust, but not during a rebalance; partitions that were sought before are delivered from here on.

        Not during a rebalance, step by step: the recovery of one assignment seeks; before that has ended, the next
        rebalance begins and stops the flow; the recovery goes on and resumes it. Then records of the next assignment
        would be delivered from wherever the client happens to be, past those it has thrown away.

        Not from the seek on, because recovery empties the agents' queues between the seek and this call.
        """
        if not self._is_rebalancing:
            self._positioned = self._sought
            super().resume_flow()

    async def _seek(self, partition: TP, offset: int) -> None:
        async with self._seeking:
            await self._thread.seek_now(partition, offset)
