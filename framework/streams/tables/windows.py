"""When windows close and keys expire: each partition by itself, and only where this worker has it."""

import asyncio
import time
from collections.abc import Collection, Iterable
from time import monotonic
from typing import Any

from faust.types import TP

from framework.streams.agents.bodies import was_cancelled_from_outside
from framework.streams.tables.at_once import AtOnce
from framework.streams.tables.ends import Ends, end_of

TURN = 0.008
"""Seconds of work after which the event loop has its turn."""

LOOK = 64
"""Keys of a database that are looked at before the clock is."""

MISSING = object()


class Turn:
    """Lets go of the event loop every `TURN` seconds."""

    def __init__(self) -> None:
        self._ends_at = monotonic() + TURN

    async def pause(self) -> bool:
        """Let others run if the turn is over; whether it was."""
        if monotonic() <= self._ends_at:
            return False
        await asyncio.sleep(0)
        self._ends_at = monotonic() + TURN
        return True


class Windowed(AtOnce):
    """The part of a table that closes windows.

    When a window is closed, and what `on_window_close` is called with, is as in Faust. What Faust keeps for the table
    is kept for each partition here: the windows that were closed last, and the keys of the open ones. The keys are
    those of agents and of the changelog alike. They are given up with the partition, and wait where it is followed.

    A key whose window has closed is deleted in the changelog, too, when the callback has ended, and with it a rebalance
    that has begun meanwhile: so whoever has the partition next closes the windows that were not closed, and once more
    the one in whose callback a worker died, or had to give up the partition. In a transaction it is as in Faust: the
    changelog is not told, and what was read from it is not closed.
    """

    last_closed_window: float
    """Of all partitions, as Faust has it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._ends: dict[int, Ends] = {}
        self._closed: dict[int, float] = {}
        """`{partition: latest begin of a window that was closed}`; stays true when the partition has gone."""

    # --- which keys there are -----------------------------------------------------------------------------------------

    def _maybe_set_key_ttl(self, key: Any, partition: int) -> None:
        """An agent has set a key."""
        if not self._should_expire_keys():
            return
        _, (_, end) = key
        ends = self._ends.get(partition)
        if ends is None:
            ends = self._ends[partition] = self._new_ends(is_tended=True)
        ends.add(end, key)
        if end > self._partition_latest_timestamp[partition]:
            self._partition_latest_timestamp[partition] = end

    def _maybe_del_key_ttl(self, key: Any, partition: int) -> None:
        """An agent has deleted a key."""
        if not self._should_expire_keys():
            return
        _, (_, end) = key
        ends = self._ends.get(partition)
        if ends is not None:
            ends.discard(end, key)

    def _new_ends(self, *, is_tended: bool) -> Ends:
        return Ends(is_tended=is_tended, is_complete=not self._is_buffered)

    @property
    def _is_told(self) -> bool:
        """Whether the changelog tells what has closed."""
        return not self.app.in_transaction

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        """As in Faust; windows of what was read close, too.

        Not where each worker may have set any key: each closes its own then.
        """
        if self._should_expire_keys() and self._is_told and not self._has_several_writers:
            batch = list(batch)
            super().apply_changelog_batch(batch)
            self._note(batch)
        else:
            super().apply_changelog_batch(batch)

    def _note(self, batch: Iterable[Any]) -> None:
        for event in batch:
            partition = event.message.partition
            ends = self._ends.get(partition)
            if ends is None:
                if self._is_buffered:
                    # What is on disk is looked through when the partition is ours. A shadow's disk may be a large one.
                    continue
                ends = self._ends[partition] = self._new_ends(is_tended=False)
            key = self._to_key(event.key)
            end = end_of(key)
            if end is not None:
                if event.message.value is None:
                    ends.discard(end, key)
                else:
                    ends.add(end, key)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """As in `Collected`; windows of active partitions are closed from here on."""
        if self._should_expire_keys():
            active, followed = ({tp.partition for tp in tps} for tps in (active_tps, standby_tps))
            if self.is_global and not self._has_several_writers:
                # All have all partitions of a global table as active ones, and follow those of others.
                active -= followed
            self._tend(active, followed if self.is_global else set())
        await super().on_recovery_completed(active_tps, standby_tps)

    def _tend(self, active: Collection[int], followed: Collection[int]) -> None:
        """Close windows of active partitions alone, and remember keys of those that are only followed.

        Of others the store in memory drops the keys now, and those on disk are looked through when they are ours.
        """
        for partition in active:
            if partition not in self._ends:
                self._ends[partition] = self._new_ends(is_tended=True)
        for partition, ends in list(self._ends.items()):
            if partition not in active or not ends.is_tended:
                # Whoever has had the partition, or has it now, closes what the changelog was not told of.
                ends.closed.clear()
            ends.is_tended = partition in active
            if not ends.is_tended and (self._is_buffered or partition not in followed):
                del self._ends[partition]

    def forget(self, partition: int) -> None:
        """As in `Collected`; windows of the partition are somebody else's."""
        self._ends.pop(partition, None)
        super().forget(partition)

    # --- closing ------------------------------------------------------------------------------------------------------

    async def _del_old_keys(self) -> None:
        """Close windows that are over; called by Faust's task each `table_cleanup_interval` seconds."""
        turn = Turn()
        for partition, ends in list(self._ends.items()):
            self._remove_closed(partition, ends)
            if not ends.is_complete:
                await self._look_through(partition, ends, turn)
                if not ends.is_complete:
                    # A window that closes now would make late ones of the keys that are found later.
                    continue
            while self._is_ours(partition, ends) and (end := ends.first) is not None and self._is_over(end):
                keys = ends.take()
                try:
                    await self._close_all(partition, ends, keys, turn)
                finally:
                    if keys:
                        ends.put_back(end, keys)
                await turn.pause()

    def _is_ours(self, partition: int, ends: Ends) -> bool:
        """Whether windows of a partition may be closed now.

        A rebalance may take the partition away. And a recovery sets the keys in memory back, to what they were first.
        """
        is_stable = not (self.app.rebalancing or self.app.in_recovery)
        return is_stable and ends.is_tended and self._ends.get(partition) is ends

    def _is_over(self, end: float) -> bool:
        window: Any = self.window
        return bool(window.stale(end, time.time()))

    async def _close_all(self, partition: int, ends: Ends, keys: set[Any], turn: Turn) -> None:
        """Close windows with one end; takes the keys out one by one, and leaves those that must not be closed now.

        A key that comes after its window was closed, of a late event, is removed without a word.
        """
        closed = latest = self._closed.get(partition, 0.0)
        while keys and self._is_ours(partition, ends):
            key = keys.pop()
            begin = key[1][0]
            latest = max(latest, begin)
            await self._close(key, partition, ends, is_late=begin <= closed)
            if await turn.pause():
                await self.app.tables.ebb()
        if not keys:
            self._closed[partition] = latest
            self.last_closed_window = max(self.last_closed_window, latest)

    async def _close(self, key: Any, partition: int, ends: Ends, *, is_late: bool) -> None:
        """Tell the callback, and remove a key; what fails there is of this key alone."""
        found = self._take_out(key, partition)
        if found is MISSING:
            # Somebody has deleted it.
            return
        try:
            if not is_late:
                await self.on_window_close(key, self.data.unpack(found) if self._is_buffered else found)
        except asyncio.CancelledError as error:
            if was_cancelled_from_outside():
                raise
            self._tell(key, partition, error)
        except Exception as error:  # noqa: BLE001 - the app's own, or that of a value that cannot be read
            self._tell(key, partition, error)
        ends.closed[key] = found
        self._remove_closed(partition, ends)

    def _take_out(self, key: Any, partition: int) -> Any:
        """The value of a key whose window closes, as the store has it; `MISSING` if there is none.

        In memory it is not there any more for the callback, as in Faust. On disk it is, until the changelog is told.
        """
        if self._is_buffered:
            found = self.data.peek(partition, self._mark_of(key))
            return MISSING if found is None else found
        value: Any = self.data.pop(key, MISSING)
        self._belongs_nowhere(key)
        return value

    def _remove_closed(self, partition: int, ends: Ends) -> None:
        """Remove keys whose windows have closed; those in whose callback a rebalance has begun, when it has ended."""
        while ends.closed and self._is_ours(partition, ends):
            key, found = ends.closed.popitem()
            self._remove(key, partition, found)

    def _remove(self, key: Any, partition: int, found: Any) -> None:
        """Delete a key whose window has closed, if nobody has set it since: that is late then, and closes by itself."""
        if self._is_buffered:
            mark = self._mark_of(key)
            if self.data.peek(partition, mark) != found:
                return
            # Who has set the same value again cannot be told from nobody. The key goes now then, and not as a late one
            # the next time: without a word either way.
            if not self._is_told:
                self.data.expire(partition, mark)
                return
        elif key in self.data or not self._is_told:
            return
        # After a recovery this may be the first change of all, which has everything put at hand.
        if self._at_hand.collects(self):
            self._delete_collected(key, partition)
        else:
            self._send_deletion(self._entry(key, None, "raw", partition=partition))

    def _delete_collected(self, key: Any, partition: int) -> None:
        changes = self.changes_of(partition)
        if self._values is None:
            mark = self._dump_key(key)
        else:
            mark = key
            changes.gone.append(mark)
        entry = changes.dirty.get(mark) or self._add(changes, mark, key)
        entry.value, entry.is_packed = None, True

    def _tell(self, key: Any, partition: int, error: BaseException) -> None:
        place = f"{self.changelog_topic_name}[{partition}]"
        self.log.error("Closing the window of %r in %s failed: %r", key, place, error, exc_info=error)

    async def _look_through(self, partition: int, ends: Ends, turn: Turn) -> None:
        """Find the keys that a partition's database has from before.

        Keys that agents set meanwhile are noted by themselves; one that they delete may be noted here once more, and is
        not found when its window closes.
        """
        failure: Exception | None = None
        first: bytes | None = b""
        while first is not None and self._is_ours(partition, ends) and self.data.is_open(partition):
            keys, first = self.data.some_keys(partition, first, LOOK)
            for raw in keys:
                try:
                    key = self._to_key(self.data._decode_key(raw))
                except Exception as error:  # noqa: BLE001 - of the app's serializer or model
                    failure = error
                    continue
                end = end_of(key)
                if end is not None:
                    ends.add(end, key)
            await turn.pause()
        ends.is_complete = first is None
        if failure is not None:
            place = f"{self.changelog_topic_name}[{partition}]"
            self.log.warning("Keys of %s cannot be read, and do not expire: %r", place, failure)
