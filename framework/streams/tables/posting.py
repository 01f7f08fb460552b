"""Sends one table partition's changes, a flight at a time, and tells the store when they are confirmed."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from itertools import islice
from time import monotonic
from typing import Any

from faust.exceptions import ProducerSendError

from framework.streams.tables.books import Book
from framework.streams.tables.changes import Changes, Entry
from framework.streams.tables.flights import Flight

TURN = 0.004
"""Seconds of work after which the event loop has its turn."""

LOOK = 128
"""Records after which the clock is looked at."""

Keep = Callable[[int | None, list[Entry], list[Book] | None], None]
"""Writes confirmed entries; the last call of a flight has its last offset and its books."""


class Poster:
    """One partition's flights, strictly one after the other.

    Args:
        topic: the changelog.
        changes: of the partition.
        dump: makes the bytes of a value.
        outbox: gives the producer's outbox.
        keep: None where the store does not wait for the changelog.
        fail: awaited with the error when changes were lost.
        land: called with the marks of what was confirmed, and the last record's offset.
    """

    def __init__(
        self,
        topic: str,
        changes: Changes,
        dump: Callable[[Any], Any],
        outbox: Callable[[], Any],
        keep: Keep | None,
        fail: Callable[[BaseException], Awaitable[None]],
        land: Callable[[Collection[Any], int | None], None],
    ) -> None:
        self._topic, self.changes, self._dump = topic, changes, dump
        self._outbox, self._keep, self._fail, self._land = outbox, keep, fail, land
        self._settled = asyncio.Event()
        self._settled.set()
        self._task: asyncio.Task[None] | None = None
        self._has_failed = False

    @property
    def is_dirty(self) -> bool:
        """Whether something was changed since the last flight."""
        return bool(self.changes.dirty)

    async def settle(self) -> None:
        """Wait until the last flight is confirmed, and in the store."""
        await self._settled.wait()

    async def post(self) -> None:
        """Send what is dirty, when the flight before is confirmed.

        Raises:
            ProducerSendError: the producer does not take it.
        """
        if not self.is_dirty:
            return
        await self.settle()
        if self.changes.is_dropped or self._has_failed:
            # A flight behind one that the store does not have would write its offset down as if it had both.
            return
        self._settled.clear()
        flight = Flight(self.changes, self._dump)
        try:
            sents = await self._hand_over(flight)
        except BaseException:
            self._settled.set()
            raise
        self._watch(flight, sents)

    def drop(self) -> list[Any]:
        """Send nothing any more: somebody else may write to the partition from now on.

        Returns:
            the marks of keys whose values the changelog does not have, as far as is known.
        """
        self._settled.set()
        return self.changes.drop()

    async def _hand_over(self, flight: Flight) -> list[Any]:
        """Send a flight's records; returns the last one of each batch."""
        outbox, partition = self._outbox(), self.changes.partition
        records, ends = flight.records(), monotonic() + TURN
        last: dict[Any, Any] = {}
        # What is handed over after it was dropped is outdated when it comes behind the records of who has it now.
        while not self.changes.is_dropped and (some := [*islice(records, LOOK)]):
            rest = iter(some)
            while not self.changes.is_dropped:
                sent, left = outbox.topic(self._topic).post_many(partition, rest)
                if sent is not None:
                    last[sent.parcel] = sent
                if left is None:
                    break
                key, value, headers = left
                sent = await outbox.post(self._topic, partition, key, value, headers=headers)
                last[sent.parcel] = sent
            if monotonic() > ends:
                await asyncio.sleep(0)
                ends = monotonic() + TURN
        return [*last.values()]

    # --- when it is confirmed -----------------------------------------------------------------------------------------

    def _watch(self, flight: Flight, sents: list[Any]) -> None:
        """Go on when the last record is confirmed, and with it all before.

        The outcome is not looked at: a failure that somebody has looked at does not stop the commit any more.
        """
        waiting = next((sent for sent in reversed(sents) if not sent.done()), None)
        if waiting is None:
            self._task = asyncio.ensure_future(self._end(flight, sents[-1]))
        else:
            waiting.add_done_callback(lambda _: self._watch(flight, sents))

    async def _end(self, flight: Flight, last: Any) -> None:
        try:
            # In the next turn: the outbox is told after whoever has been waiting.
            await asyncio.sleep(0)
            self._outbox().raise_if_lost()
            if not self.changes.is_dropped:
                await self._confirm(flight, last.result())
        except Exception as error:  # noqa: BLE001 - of the producer or the store; the worker ends
            self._has_failed = True
            await self._fail(_named(error, self._topic, self.changes.partition))
        finally:
            self._settled.set()

    async def _confirm(self, flight: Flight, metadata: Any) -> None:
        books, offset = flight.confirm(), getattr(metadata, "offset", None)
        if self._keep is not None:
            await self._keep_all(list(flight.entries.values()), offset, books)
        if not self.changes.is_dropped:
            self._land(flight.entries.keys(), offset)

    async def _keep_all(self, entries: list[Entry], offset: int | None, books: list[Book]) -> None:
        """Write to the store, and let go of the event loop in between.

        Values come before the offset that says that they are there. All of them are in the changelog, so a store that
        has only some of them reads the others there.
        """
        assert self._keep is not None
        while len(entries) > 2 * LOOK and not self.changes.is_dropped:
            self._keep(None, entries[: 2 * LOOK], None)
            del entries[: 2 * LOOK]
            await asyncio.sleep(0)
        if not self.changes.is_dropped:
            self._keep(offset, entries, books)


def _named(error: Any, topic: str, partition: int) -> Any:
    if isinstance(error, ProducerSendError):
        return error
    return ProducerSendError(f"Changes for {topic}[{partition}] were lost: {error!r}")
