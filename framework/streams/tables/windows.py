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

    async def pause(self) -> None:
        """Let others run if the turn is over."""
        if monotonic() > self._ends_at:
            await asyncio.sleep(0)
            self._ends_at = monotonic() + TURN


class Windowed(AtOnce):
    """The part of a table that closes windows.

    When a window is closed, what `on_window_close` is called with, and that a key which has expired is deleted here and
    not in the changelog, is as in Faust. What Faust keeps for the table is kept for each partition here: the windows
    that were closed last, and the keys of the open ones. The keys are those of agents and of the changelog alike. They
    are given up with the partition, and wait where it is only followed.

    The changelog does not tell what has been closed. So whoever has read a partition from it closes once more the
    windows that are over and still in it; a worker that has had the partition before does so only with those that it
    has not closed itself.
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

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        """As in Faust; windows of what was read close, too."""
        if self._should_expire_keys():
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
            followed = {tp.partition for tp in standby_tps} if self.is_global else set()
            self._tend({tp.partition for tp in active_tps}, followed)
        await super().on_recovery_completed(active_tps, standby_tps)

    def _tend(self, active: Collection[int], followed: Collection[int]) -> None:
        """Close windows of active partitions alone, and remember keys of those that are only followed.

        Of others the store in memory drops the keys now, and those on disk are looked through when they are ours.
        """
        for partition in active:
            if partition not in self._ends:
                self._ends[partition] = self._new_ends(is_tended=True)
        for partition, ends in list(self._ends.items()):
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
            await self._close(key, partition, is_late=begin <= closed)
            await turn.pause()
        if not keys:
            self._closed[partition] = latest
            self.last_closed_window = max(self.last_closed_window, latest)

    async def _close(self, key: Any, partition: int, *, is_late: bool) -> None:
        """Remove a key, and tell the callback; what fails there is of this key alone."""
        try:
            value = self._expire(key, partition)
            if value is not MISSING and not is_late:
                await self.on_window_close(key, value)
        except asyncio.CancelledError as error:
            if was_cancelled_from_outside():
                raise
            self._tell(key, partition, error)
        except Exception as error:  # noqa: BLE001 - the app's own, or that of a value that cannot be read
            self._tell(key, partition, error)

    def _tell(self, key: Any, partition: int, error: BaseException) -> None:
        place = f"{self.changelog_topic_name}[{partition}]"
        self.log.error("Closing the window of %r in %s failed: %r", key, place, error, exc_info=error)

    def _expire(self, key: Any, partition: int) -> Any:
        """Delete a key here, and not in the changelog; gives its value, or `MISSING` where somebody has deleted it."""
        if self._is_buffered:
            return self.data.expire(partition, self._mark_of(key), MISSING)
        value: Any = self.data.pop(key, MISSING)
        self._belongs_nowhere(key)
        return value

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
