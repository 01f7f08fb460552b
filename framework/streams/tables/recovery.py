"""Recovery of tables from their changelogs: it ends, loses no record, and begins where a shadow has come to."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Iterator
from time import monotonic
from typing import Any, NamedTuple

from faust.stores.memory import Store as MemoryStore
from faust.tables.recovery import Recovery as FaustRecovery
from faust.types import TP
from mode import Service

TURN = 100
"""Records to apply before the event loop has its turn."""

QUIET = 5.0
"""Seconds without a changelog record after which it is looked whether the end has been reached all the same."""


class Undecodable(NamedTuple):
    """Stands in the queue for a record that cannot be decoded, so that those behind it are reached."""

    message: Any


class Recovery(FaustRecovery):
    """Faust's recovery of tables from their changelogs.

    Step by step, what hangs in Faust: recovery starts the fetcher and will wait for the end signal next. Before it
    does, the task that applies records has applied the last one, sets the signal, takes up its next record and clears
    the signal again. Now nobody is in recovery any more, so nobody sets it again, and the partitions stay silent. Here
    only the beginning of the next recovery clears it.

    Step by step, what a global table loses in Faust: partitions that are followed for ever are resumed, their records
    come into the queue, and the end of recovery resumes the flow, which empties the queue. The next record is taken for
    the next one. So nothing empties this queue, except where a position is set back (`_seek_offsets`).
    """

    logger = logging.getLogger("faust.framework.tables")

    _last_active_event_processed_at: float | None
    _standbys_span: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        self._last_active_event_processed_at = None

    async def _wait(self, coro: Any, timeout: Any = None) -> None:  # noqa: ARG002 - Faust passes one
        """Wait for a step as long as it takes; Faust takes a timeout for its own stop, and never recovers again."""
        await super()._wait(coro)

    def _set_recovery_started(self) -> None:
        self.signal_recovery_end.clear()
        super()._set_recovery_started()

    def _set_recovery_ended(self) -> None:
        super()._set_recovery_ended()
        for tp in self.active_tps - self.standby_tps:
            offset, end = self.active_offsets.get(tp), self.active_highwaters.get(tp)
            if None not in (offset, end) and offset >= end and isinstance(self.tp_to_table[tp].data, MemoryStore):
                self.tables.written.recovered(tp, offset)

    # --- where it begins ----------------------------------------------------------------------------------------------

    def _add(self, table: Any, tp: TP, offsets: Any) -> None:
        """Begin behind what the store has, or behind what a shadow has applied, whichever is further."""
        super()._add(table, tp, offsets)
        applied = self.tables.applied.get(tp)
        if applied is not None and (offsets[tp] is None or offsets[tp] < applied):
            offsets[tp] = applied

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """As in Faust; what is known of a partition goes with it, and begins anew with what is read of it.

        Of partitions that others have from now on nothing is known any more. `applied` of a partition that stays is not
        moved on: `active_offsets` is kept for it, and is further.

        Step by step, what is lost where a partition is followed first, and then becomes one's own (Faust has one
        standby of each): its store in memory keeps less of it than was read; then it is read from its beginning; and
        what the books know of the first time has the records of the second one taken for late ones. So a partition
        that is read from its beginning begins with an empty table and empty books, and with nothing in the queue.
        """
        for tp in revoked:
            self.tables.forget(tp)
            # Faust does it only where no other rebalance has begun.
            self.revoke(tp)
        if generation_id == self.app.consumer_generation_id:
            self._change_roles()
            self._go_on()
            self.tables.read(True)
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)
        if generation_id == self.app.consumer_generation_id:
            # A shadow may have applied partitions that the seat does not have any more.
            self.tables.forget_all_but(self.active_tps | self.standby_tps)
            self._begin_anew(set(revoked))

    def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """As in Faust; and what waits for a place in the queue does not get there any more.

        Step by step: the queue is full, a record waits for a place, and the flow stops, which ends the delivery and not
        that wait. The position is set back, the queue is emptied, and so the record gets in, from far behind the
        position. Applied, it has all that is read again up to there passed over.
        """
        for waiting in self.tables.changelog_queue._putters:
            waiting.cancel()
        super().on_partitions_revoked(revoked)

    def _change_roles(self) -> None:
        """Begin anew with partitions that were followed and are one's own now, or the other way round."""
        actives = self.app.assignor.assigned_actives()
        for tp in self.active_tps | self.standby_tps:
            if (tp in self.active_tps) != (tp in actives):
                self.tables.change_role(tp)
                self.revoke(tp)

    def _go_on(self) -> None:
        """Go on behind what was written of partitions that stay, or begin anew where somebody else has written, too."""
        for tp, end in self.tables.written.ends():
            if end is None:
                self.tables.change_role(tp)
                self.revoke(tp)
            else:
                self.active_offsets[tp] = max(self.active_offsets[tp], end)

    def _begin_anew(self, revoked: set[TP]) -> None:
        anew = {tp for tp in self.active_tps if self.active_offsets[tp] is None}
        anew |= {tp for tp in self.standby_tps - self.active_tps if self.standby_offsets[tp] is None}
        self.tables.empty(anew)
        self._drop(anew | revoked)
        for table, events in self.buffers.items():
            self.buffers[table] = [event for event in events if event.message.tp not in anew | revoked]

    async def _seek_offsets(
        self,
        consumer: Any,
        tps: set[TP],
        offsets: Counter[TP],
        title: str,  # noqa: ARG002 - Faust passes one
    ) -> None:
        """Set positions behind what was applied, and drop what was read of these partitions before.

        Faust goes to the last record that was applied, to the one before the first where none was. That one need not be
        in the log any more: its beginning is deleted by retention or by hand. The position would be out of range, and
        with `consumer_auto_offset_reset="latest"` the client would go on at the end, with nothing recovered.

        Step by step, why it is dropped here and not before: these partitions are paused since they were assigned, and
        what was on its way to the queue was ended when the flow stopped. The thread counts the seek, so that what it
        has fetched before is not delivered. From here until the partitions are resumed, nothing new of them can come;
        all that is in the queue is from before the seek.

        And why it must be dropped: with 50 applied and 51 to 57 in the queue, all will be read again from 51. That is
        harmless, records up to the last one applied are passed over. But where the queue has a gap, as after an
        assignment that left and came back, applying 57 would pass over 51 to 56.
        """
        applied: dict[TP, int | None] = {tp: offsets.get(tp) for tp in tps}
        await consumer.seek_wait({tp: 0 if offset is None else offset + 1 for tp, offset in applied.items()})
        self._drop(tps)

    def _drop(self, tps: set[TP]) -> None:
        queue: Any = self.tables.changelog_queue
        for event in [queue.get_nowait() for _ in range(queue.qsize())]:
            if event.message.tp not in tps:
                queue.force_put_nowait(event)

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        """As in Faust; nothing is read any more, but of partitions that are followed."""
        await super().on_recovery_completed(generation_id)
        if generation_id == self.app.consumer_generation_id:
            self.tables.read(False)

    # --- applying -----------------------------------------------------------------------------------------------------

    @Service.task  # type: ignore[untyped-decorator]
    async def _slurp_changelogs(self) -> None:
        """Faust's task that applies records; it applies those of an untracked partition to the previous one's table."""
        quiet = 0
        while not self.should_stop:
            try:
                event = await asyncio.wait_for(self.tables.changelog_queue.get(), QUIET)
            except TimeoutError:
                quiet += 1
                if not self.should_stop:
                    await self._end_if_recovered(quiet)
                    if not self.in_recovery:
                        # Of those that were up to date from the beginning no record comes.
                        with self._as_warning():
                            self._tell_whether_standbys_are_ready()
                continue
            quiet = 0
            await self._apply_some(event)
            with self._as_warning():
                await self._end_if_recovered(quiet)
                self._tell_whether_standbys_are_ready()

    async def _apply_some(self, event: Any) -> None:
        """Apply a record and those that wait behind it, a turn's worth.

        To wait for each, and to count after each what remains, costs more than to apply it. They are taken one by one:
        a callback may let a rebalance in, and what is in the queue then is dropped with it.
        """
        queue: Any = self.tables.changelog_queue
        for _ in range(TURN):
            with self._as_warning():
                await self._apply(event)
            if queue.empty():
                return
            event = queue.get_nowait()
        with self._as_warning():
            await self._apply(event)

    @contextlib.contextmanager
    def _as_warning(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - as in Faust: a callback of the user's must not end recovery
            self.log.warning("Error in recovery: %r", error)

    async def _apply(self, event: Any) -> None:
        """Buffer one record, and apply the buffer when it is full; drop what is not followed or was applied before."""
        tp, offset, now = event.message.tp, event.message.offset, monotonic()
        is_active = tp in self.active_tps
        if not is_active and tp not in self.standby_tps:
            # It was given up between the record's delivery and now.
            return
        table = self.tp_to_table[tp]
        offsets = self.active_offsets if is_active else self.standby_offsets
        size = table.recovery_buffer_size if is_active else table.standby_buffer_size
        if is_active:
            self._active_events_received_at[tp] = now
        seen = offsets.get(tp)
        if seen is not None and offset <= seen:
            return
        offsets[tp] = offset
        if isinstance(event, Undecodable):
            return
        self.buffers[table].append(event)
        await table.on_changelog_event(event)
        if len(self.buffers[table]) >= size:
            table.apply_changelog_batch(self.buffers[table])
            self.buffers[table].clear()
            self._last_flush_at = now
        if is_active:
            self._measure()

    def _measure(self) -> None:
        """Remember how long a record took, for the estimate of the time that remains."""
        now = monotonic()
        if self._last_active_event_processed_at is not None:
            self._processing_times.append(now - self._last_active_event_processed_at)
            if len(self._processing_times) > self.num_samples_required_for_estimate:
                self._processing_times.popleft()
        self._last_active_event_processed_at = now

    async def _end_if_recovered(self, quiet: int) -> None:
        """Give the end signal where all active partitions are up to date.

        Args:
            quiet: how often in a row nothing came. The end of a changelog with transactions is no record: after two
                waits the position tells that it was reached.
        """
        if quiet > 1 and self.app.in_transaction:
            await self._pass_aborted_transactions()
        if self.in_recovery and not self.need_recovery():
            self.flush_buffers()
            self._set_recovery_ended()
            if self._actives_span is not None:
                self._actives_span.set_tag("Actives-Ready", True)
            self.signal_recovery_end.set()

    async def _pass_aborted_transactions(self) -> None:
        for tp, highwater in self.active_highwaters.items():
            offset = self.active_offsets[tp]
            if highwater is not None and offset is not None and offset < highwater:
                position = await self.app.consumer.position(tp)
                if position is not None and position >= highwater:
                    self.active_offsets[tp] = highwater

    def _tell_whether_standbys_are_ready(self) -> None:
        if self._standbys_span is None and self.tables.standbys_ready:
            return
        if not self.standby_remaining_total():
            if self._standbys_span is not None:
                self._standbys_span.finish()
                self._standbys_span = None
            self.tables.on_standbys_ready()
