"""From finished records to the commit: a partition is committed up to the first unfinished record, never beyond."""

import asyncio
from collections.abc import Mapping
from typing import Any

from faust.exceptions import ProducerSendError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode import Service

from framework.streams.reading.acks import committable


class CommittingConsumer(driver.Consumer):
    """Faust's consumer with its own way to a commit."""

    @Service.task  # type: ignore[untyped-decorator]
    async def _commit_handler(self) -> None:
        """Faust's task that commits; the first commit comes after one interval.

        Faust sleeps an interval before its timer does, so that a worker killed in its first two intervals had committed
        nothing, and all that it had done of what waited for it is done again.
        """
        async for _ in self.itertimer(self.commit_interval, name="commit"):
            await self.commit()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """As in Faust; and what waits for a commit of these partitions does so no more."""
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self.app._attachments.forget(tp)

    def _new_offset(self, tp: TP) -> int | None:
        acked = self._acked[tp]
        if not acked:
            return None
        acked.sort()
        committed = self._committed_offset[tp]
        floor = acked[0] if committed is None else committed
        gaps = sorted((gap.begin, gap.end) for gap in self._gap[tp])
        offset = committable(floor, acked, gaps)
        return None if offset == floor else offset

    async def _commit_tps(self, tps: Any, start_new_transaction: bool) -> bool:
        """As in Faust; a record that could not be sent ends the worker, and is made again with its source.

        Also where there is nothing to commit: what a timer or a page has sent has no source, and what a task sends late
        (`Attached`) is of one that was committed.
        """
        try:
            await self._raise_if_lost()
            self.app._attachments.raise_if_lost()
            offsets = self._filter_committable_offsets(tps)
            if not offsets:
                return False
            await self.app._attachments.publish(offsets)
            return bool(await self._commit_offsets(offsets, start_new_transaction=start_new_transaction))
        except ProducerSendError as error:
            await self.app.on_lost(error)
            return False

    async def _raise_if_lost(self) -> None:
        # A producer of the user's own knows nothing of it.
        raise_if_lost = getattr(self.app.producer, "raise_if_lost", None)
        if raise_if_lost is not None:
            await raise_if_lost()

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        before = {tp: self._committed_offset[tp] for tp in offsets}
        did_commit: bool = await super()._commit_offsets(offsets, start_new_transaction)
        # Only now, and only then: a commit that was given up is made up for by the next.
        for tp, offset in offsets.items():
            if did_commit:
                self._acked[tp][:] = [number for number in self._acked[tp] if number >= offset]
                self._acked_index[tp].intersection_update(self._acked[tp])
                self._gap[tp].chop(0, offset)
            elif tp in self._committed_offset:
                self._committed_offset[tp] = before[tp]
        return did_commit

    async def maybe_wait_for_commit_to_finish(self) -> bool:
        """As in Faust; but whoever gives up waiting does not cancel what the others wait for."""
        if self._commit_fut is None:
            return False
        await asyncio.wait([self._commit_fut])
        return True

    async def commit_and_end_transactions(self) -> None:
        """Commit what is finished now.

        `commit` does nothing while another commit is under way, and that one began before the last record was finished.
        """
        while self._commit_fut is not None:
            await self.maybe_wait_for_commit_to_finish()
        await super().commit_and_end_transactions()
