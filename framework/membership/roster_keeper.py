"""Keeps a worker's entry in the roster fresh, from a thread of its own that nothing else depends on."""

import asyncio
import contextlib
import random
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import structlog

from framework.errors import RosterUnavailableError
from framework.membership.connection import Connection
from framework.membership.roster import Entry, Wanted
from framework.membership.roster_reader import RosterReader
from framework.membership.roster_trouble import RETRY_AFTER, Trouble
from framework.membership.roster_view import RosterView
from framework.membership.roster_writer import RosterWriter

log = structlog.get_logger(__name__)

PATIENCE = 60.0
"""Seconds between two warnings of one kind, and between two tries to create a topic that somebody deleted."""

WANTED_WAIT = 10.0
"""Seconds that the broker may hold a poll for what an operator wants; it answers at once when there is something."""

LOOK_AT_READER = 2.0
"""Seconds between two looks at whether the topic can still be read."""

SOON = 0.5
"""Seconds between tries, at most, of a worker that is shadowed or shadows: after a trouble the others wait only some
seconds for its word."""

_LAST_RETRY_AFTER = 0.1

_GOES_ON = "This worker goes on working without."
_STANDS_STILL = "This worker stands still until then: its shadow would take it for dead."


class RosterKeeper:
    """Writes a worker's entry at each change and each `entry.interval`, and listens for what an operator wants.

    It has a thread with an event loop of its own, so that an app that blocks its loop does not look dead. The thread
    never raises; a roster that cannot be used is tried again; that is warned of when it lasts, and once in `patience`.
    Only the newest entry counts: what could not be written is never queued.

    Args:
        connection: how to reach the brokers.
        entry: the first one.
        group_id: the group.
        replication_factor: copies of the topic, should it have to be created.
        on_wanted: called in the thread with what `framework scale` wrote: with the last one there was at the start
            (False), and with each one that comes later (True).
        heartbeat: called in the thread at each write for `entry.heartbeat_age`.
        on_control: called in the thread with what is to be heeded, all of it: with what there was at the start, and
            each time that something was read since. The view is the thread's, and not to be kept.
        on_written: called in the thread after each write that a broker has acknowledged, with the monotonic time at
            which it began.
        patience: seconds, see `PATIENCE`.
    """

    def __init__(
        self,
        connection: Connection,
        entry: Entry,
        *,
        group_id: str,
        replication_factor: int,
        on_wanted: Callable[[Wanted, bool], None],
        heartbeat: Callable[[], float | None],
        on_control: Callable[[RosterView], None] = lambda _view: None,
        on_written: Callable[[float], None] = lambda _began_at: None,
        patience: float = PATIENCE,
    ) -> None:
        self._connection = connection
        self._group_id = group_id
        self._on_wanted = on_wanted
        self._heartbeat = heartbeat
        self._on_control = on_control
        self._on_written = on_written
        self._thread = threading.Thread(target=self._run, name="roster", daemon=True)
        # Shared with the callers' threads.
        self._lock = threading.Lock()
        self._entry = entry
        self._version = 0
        self._close_by: float | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        # The thread's own.
        self._wake = asyncio.Event()
        self._writer = RosterWriter(connection, group_id, replication_factor, patience)
        self._has_tried = asyncio.Event()
        self._writing, self._reading = Trouble(patience), Trouble(patience)
        self._fault = Trouble(patience, lasting=0.0)

    def start(self) -> None:
        """Start to write; returns at once, whether or not a broker is there."""
        self._thread.start()

    def tell(self, **changes: Any) -> None:
        """Replace fields of the entry and write it at once; safe to call from any thread, never waits.

        `since_ms` is set by itself where the state changes. After `close` it does nothing.

        Raises:
            TypeError: an entry has no such field.
        """
        with self._lock:
            if self._close_by is None:
                self._change(changes)
        self._signal()

    def close(self, timeout: float = 1.0, **changes: Any) -> None:
        """Write the last entry and end; waits until the broker has it, for `timeout` seconds at most.

        Safe to call from any thread, without `start`, and again.

        Raises:
            TypeError: an entry has no such field.
        """
        with self._lock:
            if self._close_by is None:
                self._change(changes)
                self._close_by = time.monotonic() + timeout
        self._signal()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _change(self, changes: dict[str, Any]) -> None:
        if not changes:
            return
        if changes.get("state", self._entry.state) is not self._entry.state:
            changes.setdefault("since_ms", time.time_ns() // 1_000_000)
        self._entry = replace(self._entry, **changes)
        self._version += 1

    def _signal(self) -> None:
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._wake.set)

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.run(self._guarded(self._main))

    async def _guarded(self, part: Callable[[], Awaitable[None]]) -> None:
        """Run a part to its end; start it again if it fails by a fault of this program or of what it calls."""
        while not self._is_late():
            try:
                return await part()
            except Exception as exc:  # noqa: BLE001 - whatever it was, the worker must go on as if nothing had happened
                if self._fault.failed(time.monotonic()):
                    self._warn("roster.failed", f"The roster's thread goes on after an error: {exc!r}", exc_info=True)
                await asyncio.sleep(RETRY_AFTER)

    async def _main(self) -> None:
        with self._lock:
            self._loop = asyncio.get_running_loop()
        listening = asyncio.create_task(self._guarded(self._listen))
        try:
            await self._keep()
        finally:
            with self._lock:
                self._loop = None
            listening.cancel()
            await asyncio.wait([listening])
            await self._writer.close()

    async def _keep(self) -> None:
        written = -1
        while True:
            self._wake.clear()
            with self._lock:
                entry, version, is_last = self._entry, self._version, self._close_by is not None
            is_written = (is_last and written == version) or await self._try_to_write(entry)
            if is_last and (is_written or self._is_late()):
                return
            written = version if is_written else written
            pause = entry.interval if is_written else _LAST_RETRY_AFTER if is_last else self._retry_after(entry)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)

    def _retry_after(self, entry: Entry) -> float:
        delay = _delay(self._writing)
        return min(delay, SOON) if entry.is_waited_for else delay

    def _is_late(self) -> bool:
        with self._lock:
            return self._close_by is not None and time.monotonic() >= self._close_by

    # --- writing ------------------------------------------------------------------------------------------------------

    async def _try_to_write(self, entry: Entry) -> bool:
        began_at = time.monotonic()
        try:
            await self._writer.write(replace(entry, heartbeat_age=self._heartbeat()))
        except RosterUnavailableError as exc:
            if self._writing.failed(time.monotonic()):
                self._warn("roster.unwritable", f"{exc} {_STANDS_STILL if entry.lease else _GOES_ON}")
            return False
        finally:
            self._has_tried.set()
        if self._writing.passed():
            log.info("roster.writable", **self._fields())
        self._on_written(began_at)
        return True

    # --- listening ----------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        reader = RosterReader(self._connection, self._group_id, only_control=True, poll_wait=WANTED_WAIT)
        try:
            # The first write creates the topic.
            await self._has_tried.wait()
            await self._start(reader)
            wanted = reader.view.wanted
            if wanted is not None:
                self._on_wanted(wanted, False)
            self._on_control(reader.view)
            while True:
                view = reader.view
                has_news = await reader.changed(LOOK_AT_READER)
                self._heed(reader.problem)
                # A topic that was made anew has another view, and may have nothing to read.
                if has_news or reader.view is not view:
                    self._on_control(reader.view)
                before, wanted = wanted, reader.view.wanted
                if wanted is not None and wanted is not before:
                    self._on_wanted(wanted, True)
        finally:
            await reader.close()

    async def _start(self, reader: RosterReader) -> None:
        while True:
            try:
                await reader.start()
            except RosterUnavailableError as exc:
                self._heed(str(exc))
                await asyncio.sleep(_delay(self._reading))
            else:
                return

    def _heed(self, problem: str) -> None:
        # A topic that cannot be written either is told of there.
        if not problem or self._writing.is_on:
            self._reading.passed()
        elif self._reading.failed(time.monotonic()):
            self._warn(
                "roster.wanted_unreadable", f"{problem} Until then `framework scale` does not reach this worker."
            )

    # --- telling ------------------------------------------------------------------------------------------------------

    def _warn(self, event: str, problem: str, **more: Any) -> None:
        log.warning(event, problem=problem, **more, **self._fields())

    def _fields(self) -> dict[str, Any]:
        entry = self._entry
        return {
            "group_id": self._group_id,
            "group_instance_id": entry.group_instance_id,
            "generation_id": entry.generation_id,
        }


def _delay(trouble: Trouble) -> float:
    return trouble.retry_after(time.monotonic(), random.random())  # noqa: S311 - jitter
