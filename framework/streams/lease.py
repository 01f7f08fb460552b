"""Whether this worker may still emit: by its last confirmed signs of life, on its own clock; asks nobody."""

import asyncio
import threading
import time

LOOK_EVERY = 0.02
"""Seconds between two looks of whoever waits for a lease that is not held."""

ENDLESS, OVER = float("inf"), float("-inf")


class Lease:
    """The time for which a worker that is shadowed may emit; safe to use from any thread.

    Without a duration it is always held. With a duration `d` it is held before the earlier of two ends: `d` after the
    last request that the group's coordinator answered was sent, and `d` after the last write of the roster entry that a
    broker acknowledged began. Send times, because nobody knows when in between the broker took it in.

    Who has missed that has *lapsed*, and must not go on at the next sign of life: a shadow may be sitting down. It
    regains the lease in one order only. First a roster entry is acknowledged whose write began after the lapse was
    noticed. Then a heartbeat is answered that was sent after that acknowledgement; entries that came later do not count
    for this answer. Why this is safe: a shadow decides by the age of the entry, joins the group, and then reads the
    roster to its end. If there is an entry that it did not decide by, it waits until the owner must have met the fence.

    - The broker answered the heartbeat after the join: then the answer was FENCED_INSTANCE_ID, and nothing is regained.
    - It answered before the join: then the entry had been written before that, and the shadow reads it.

    The other order leaves a hole: heartbeat, join, the shadow has read to the end, entry.

    A lease that has lapsed is regained in the same order when its duration changes meanwhile, also when it is not to
    end any more: a shadow that has sat down is none any more, and says so.

    All times are monotonic seconds.
    """

    def __init__(self) -> None:
        self.until = ENDLESS
        """When it ends unless it is confirmed again; `OVER` while it is not held, as soon as somebody has noticed."""
        self.lapses = 0
        """How often it has lapsed."""
        self._lock = threading.Lock()
        self._is_withheld = False
        self._end = ENDLESS
        self._wanted = ENDLESS
        self._wanted_at = 0.0
        self._agreed = 0.0
        self._heartbeat = self._entry = 0.0
        self._lapsed_at = 0.0
        # Since it has lapsed: when each entry was acknowledged, and when its write began.
        self._entries: list[tuple[float, float]] = []

    @property
    def duration(self) -> float | None:
        """Seconds, as set last; None if it is not to end."""
        return None if self._wanted == ENDLESS else self._wanted

    def set_duration(self, seconds: float | None, now: float) -> None:
        """Set how long a sign of life lasts; the first duration begins as if both signs had been confirmed now.

        A longer duration than before counts from the first entry on whose write begins after `now`, so that a shadow
        has been told of it: change the entry before calling this. None counts at once: have an entry acknowledged that
        says so before calling this.

        Step by step, why no heartbeat that was sent before `now` gives a lapsed lease back: an entry is acknowledged, a
        heartbeat is answered, and the answer is not taken in yet. A shadow joins, finds the entry, waits, has the seat,
        and takes its word back. That is read, and the lease is to be longer. With the old duration the answer came too
        late; with the new one it would not.

        Args:
            seconds: None for a lease that does not end.
            now: monotonic seconds.
        """
        wanted = ENDLESS if seconds is None else seconds
        with self._lock:
            if wanted == self._wanted:
                return
            self._wanted, self._wanted_at = wanted, now
            self._lapse_if_over(now)
            if self._end == ENDLESS:
                self._agreed = wanted
                self._hold(now, now, now)
                return
            self._agreed = ENDLESS if wanted == ENDLESS else min(self._agreed, wanted)
            if self._end != OVER:
                self._hold(self._heartbeat, self._entry, now)
            else:
                self._entries = [(now, began_at) for _, began_at in self._entries]

    def withhold(self) -> None:
        """Have it not held, whatever is confirmed, until `release`: it is not sure yet that the seat is ours alone."""
        with self._lock:
            self._is_withheld = True
            self._end_at(self._end)

    def release(self, now: float) -> None:
        """Have it held again, if what was confirmed meanwhile is enough.

        Args:
            now: monotonic seconds.
        """
        with self._lock:
            self._is_withheld = False
            self._end_at(self._end)
            self._lapse_if_over(now)

    def heartbeat_confirmed(self, sent_at: float, now: float) -> None:
        """The coordinator has answered a request that proves the membership.

        Args:
            sent_at: when it was sent.
            now: when the answer was there.
        """
        with self._lock:
            if self._end == ENDLESS:
                return
            self._lapse_if_over(now)
            if self._end != OVER:
                self._hold(max(self._heartbeat, sent_at), self._entry, now)
            elif before := [began_at for taken_at, began_at in self._entries if taken_at < sent_at]:
                self._hold(sent_at, max(before), now)

    def entry_confirmed(self, sent_at: float, now: float) -> None:
        """A broker has this worker's roster entry.

        Args:
            sent_at: when the write began.
            now: when the acknowledgement was there.
        """
        with self._lock:
            if self._end == ENDLESS:
                return
            self._lapse_if_over(now)
            if sent_at >= self._wanted_at:
                self._agreed = self._wanted
            if self._end != OVER:
                self._hold(self._heartbeat, max(self._entry, sent_at), now)
            elif sent_at > self._lapsed_at:
                young = [each for each in self._entries if now < each[1] + self._agreed]
                # Where they do not age the first of them is as good as any between it and the last.
                kept = young[:1] if self._agreed == ENDLESS else young
                self._entries = [*kept, (now, sent_at)]

    def is_held(self, now: float | None = None) -> bool:
        """Whether this worker may emit; notices a lapse.

        Args:
            now: default: the present.
        """
        if now is None:
            now = time.monotonic()
        if now < self.until:
            return True
        with self._lock:
            self._lapse_if_over(now)
            return now < self.until

    async def wait(self) -> None:
        """Wait until it is held, on whichever event loop."""
        while not self.is_held():  # noqa: ASYNC110 - an event would belong to one loop
            await asyncio.sleep(LOOK_EVERY)

    # --- with the lock held -------------------------------------------------------------------------------------------

    def _hold(self, heartbeat: float, entry: float, now: float) -> None:
        self._heartbeat, self._entry = heartbeat, entry
        self._end_at(min(heartbeat, entry) + self._agreed)
        self._lapse_if_over(now)

    def _lapse_if_over(self, now: float) -> None:
        if self._end != OVER and now >= self._end:
            self._end_at(OVER)
            self.lapses += 1
            self._lapsed_at, self._entries = now, []

    def _end_at(self, end: float) -> None:
        self._end = end
        self.until = OVER if self._is_withheld else end
