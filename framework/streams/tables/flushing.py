"""When changes of tables are sent: before each commit, a moment after they were made, and when there are many."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from framework.streams.tables.posting import Poster

PAUSE = 0.1
"""Seconds after the first change until it is sent: what a key is changed to meanwhile is one record."""

FEW = 500
"""Changed keys up to which that is so. More of them wait, because the next changes are soon there."""

LONGEST = 1.0
"""Seconds that they wait at most, if no commit comes before."""

MANY = 20_000
"""Changed keys after which agents wait for a flush."""

HEAVY = 32 * 1024 * 1024
"""Bytes of values after which they do."""


class Flushing:
    """Sends the changes of all tables of a process; one flush at a time.

    Args:
        on_failure: awaited once with the error when changes cannot be sent any more.
    """

    def __init__(self, on_failure: Callable[[BaseException], Awaitable[None]]) -> None:
        self._posters: set[Poster] = set()
        self._on_failure = on_failure
        self._failure: BaseException | None = None
        self._lock = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._first_at = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, poster: Poster) -> None:
        """Send the changes of one more partition."""
        self._posters.add(poster)

    def discard(self, poster: Poster) -> None:
        """A partition was given up."""
        self._posters.discard(poster)

    def wake(self) -> None:
        """There are changes: send them in a moment."""
        if self._timer is None:
            self._first_at = monotonic()
            self._timer = asyncio.get_running_loop().call_later(PAUSE, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        if self._dirty() > FEW and monotonic() - self._first_at < LONGEST:
            self._timer = asyncio.get_running_loop().call_later(PAUSE, self._on_time)
        else:
            self._start(self._post())

    def _dirty(self) -> int:
        return sum(len(poster.changes.dirty) for poster in self._posters)

    async def flush(self) -> None:
        """Hand all changes over that were made before this call.

        Raises:
            Exception: changes were lost, now or earlier: what made them must not be committed.
        """
        self._raise_if_lost()
        if self._lock.locked() or any(poster.is_dirty for poster in self._posters):
            # Whoever gives up waiting leaves the flush alone: half of it would be half of the changes.
            await asyncio.shield(self._start(self._post()))
            self._raise_if_lost()

    async def ebb(self) -> None:
        """Wait for a flush if too many changes wait for one."""
        if self.is_full:
            await self.flush()

    @property
    def is_full(self) -> bool:
        """Whether too many changes wait."""
        return self._dirty() > MANY or sum(poster.changes.weight for poster in self._posters) > HEAVY

    async def settle(self) -> None:
        """Wait until all that was handed over is confirmed and in the stores."""
        for poster in list(self._posters):
            await poster.settle()

    async def fail(self, error: BaseException) -> None:
        """Changes were lost."""
        if self._failure is None:
            self._failure = error
            await self._on_failure(error)

    def fail_soon(self, error: BaseException) -> None:
        """The same, for whoever cannot wait; nothing is sent from here on."""
        if self._failure is None:
            self._failure = error
            self._start(self._on_failure(error))

    @property
    def has_failed(self) -> bool:
        """Whether changes were lost; the worker is ending."""
        return self._failure is not None

    def _raise_if_lost(self) -> None:
        if self._failure is not None:
            raise self._failure

    async def _post(self) -> None:
        async with self._lock:
            for poster in list(self._posters):
                if self._failure is not None:
                    return
                try:
                    await poster.post()
                except Exception as error:  # noqa: BLE001 - whatever it is, what was not sent must not be committed
                    await self.fail(error)

    def _start(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
