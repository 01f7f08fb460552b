"""One of the supervisor's workers through all its processes: keeps it running, replaces it, ends it."""

import asyncio
import random
import time
from collections.abc import Callable

import structlog

from framework.exit_codes import ExitCode
from framework.lifecycle.link import Failed, Go, Moved, Report, Stop, WorkerSpec
from framework.lifecycle.process import WorkerHandle
from framework.lifecycle.restart_policy import Ending, RestartPolicy, describe
from framework.states import StopReason, WorkerState

log = structlog.get_logger(__name__)

KILL_AFTER = 1.0
"""Seconds that a worker gets beyond its grace period, which it keeps by itself, before it is killed."""


class Slot:
    """Keeps one worker running.

    Args:
        spec: which worker.
        policy: when to start it again.
        on_failed: told what the person should read.
    """

    def __init__(self, spec: WorkerSpec, policy: RestartPolicy, on_failed: Callable[[Failed], None]) -> None:
        self.spec = spec
        self.state = WorkerState.LOADING
        self.knew_broker = False
        self._policy = policy
        self._on_failed = on_failed
        self._current: WorkerHandle | None = None
        self._successor: WorkerHandle | None = None
        self._states: dict[WorkerHandle, WorkerState] = {}
        self._changed = asyncio.Event()
        self._running_since: float | None = None
        self._crashes = 0
        self._stopping = False
        self._ended = False
        self._forced = False
        self._wake = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """Process id of the worker that holds the seat, if one lives."""
        return self._current.pid if self._current is not None and self._current.is_alive else None

    async def keep(self) -> ExitCode:
        """Run the worker until it is stopped or not worth another start; returns the code the slot ends with."""
        try:
            return await self._keep()
        finally:
            self._ended = True
            self._changed.set()

    async def _keep(self) -> ExitCode:
        self._current = await self._fork()
        self._send_off(self._current)
        while True:
            code = await self._current.wait()
            if self._stopping:
                return self._code_after_stop(code)
            if (successor := self._take_successor()) is not None:
                self._current = successor
                self._running_since = None
                self._send_off(successor)
                continue
            exit_code = await self._restart(code)
            if exit_code is not None:
                return exit_code

    def _code_after_stop(self, code: int) -> ExitCode:
        if self._forced or code == ExitCode.FORCED or code < 0:
            return ExitCode.FORCED
        return ExitCode(code) if code in set(ExitCode) else ExitCode.CRASHED

    async def _restart(self, code: int) -> ExitCode | None:
        """Start the worker again after its pause, or return the code to end with."""
        ran_for = time.monotonic() - self._running_since if self._running_since is not None else None
        self._running_since = None
        self._crashes = self._policy.crashes(self._crashes, code, ran_for)
        decision = self._policy.decide(Ending(code, self._crashes, self.knew_broker), random.random())  # noqa: S311
        if decision.restart_in is None:
            log.debug("supervisor.gave_up", slot=self.spec.slot, ended=describe(code), crashes=self._crashes)
            if decision.exit_code is ExitCode.CRASH_LOOP:
                self._on_failed(Failed(ExitCode.CRASH_LOOP, self._crash_loop_message(code)))
            return decision.exit_code
        log.warning(
            "supervisor.restart",
            slot=self.spec.slot,
            ended=describe(code),
            crashes=self._crashes,
            restart_in=round(decision.restart_in, 2),
        )
        try:
            await asyncio.wait_for(self._wake.wait(), decision.restart_in)
        except TimeoutError:
            pass
        else:
            return ExitCode.OK
        newborn = self._take_successor() or await self._fork()
        if (successor := self._take_successor()) is not None:
            # A roll has made one during the fork.
            newborn.kill()
            newborn = successor
        self._current = newborn
        self._send_off(newborn)
        return None

    def _take_successor(self) -> WorkerHandle | None:
        successor, self._successor = self._successor, None
        return successor

    def _send_off(self, handle: WorkerHandle) -> None:
        """Let a process join, unless the slot was stopped while it was being forked."""
        handle.tell(self._stop_command(0.0) if self._stopping else Go())

    def _stop_command(self, grace: float) -> Stop:
        return Stop(StopReason.INTERRUPT, grace, now=self._forced)

    def _crash_loop_message(self, code: int) -> str:
        return (
            f"Worker {self.spec.slot} ended {self._crashes} times in a row, the last time with {describe(code)}, so it"
            " is not started again. The log above says why it crashed; FRAMEWORK_RESTART_LIMIT is how often it may."
        )

    # --- moves --------------------------------------------------------------------------------------------------------

    async def replace(self, grace: float) -> bool:
        """Put a new process in the place of the current one; False if the new one could not even load the app.

        The new one loads everything before the old one is asked to stop, so that the partitions stand still only while
        the seat changes hands; an app that no longer imports costs nothing.
        """
        if not await self._until(lambda: self._state_of(self._current) is WorkerState.RUNNING):
            return False
        successor = await self._fork()
        if not await self._reached(successor, WorkerState.LOADED):
            successor.kill()
            return False
        self._successor, current = successor, self._current
        if current is not None:
            current.tell(Stop(StopReason.RESTART, grace))
            self._kill_later(current, grace)
        return await self._reached(successor, WorkerState.RUNNING)

    async def _reached(self, handle: WorkerHandle, state: WorkerState) -> bool:
        """Wait until the process is in `state`; False if it ended before, or the slot is stopping."""
        await self._until(lambda: self._state_of(handle) is state or not handle.is_alive)
        return self._state_of(handle) is state and handle.is_alive and not self._stopping

    async def _until(self, holds: Callable[[], bool]) -> bool:
        """Wait for a condition on the states of this slot; False if the slot stops or ends first."""
        while not (self._stopping or self._ended):
            if holds():
                return True
            self._changed.clear()
            await self._changed.wait()
        return False

    def _state_of(self, handle: WorkerHandle | None) -> WorkerState | None:
        return self._states.get(handle) if handle is not None else None

    def stop(self, grace: float) -> None:
        """Stop for good, within `grace` seconds; a second call stops now."""
        again, self._stopping = self._stopping, True
        self._wake.set()
        self._changed.set()
        if again:
            self._forced = True
        for handle in (self._successor, self._current):
            if handle is not None and handle.is_alive:
                handle.tell(self._stop_command(grace))
                self._kill_later(handle, 0.0 if again else grace)

    def _kill_later(self, handle: WorkerHandle, grace: float) -> None:
        """The worker keeps its grace period by itself and says what was in flight; this is for one that cannot."""
        asyncio.get_running_loop().call_later(grace + KILL_AFTER, handle.kill)

    # --- reports ------------------------------------------------------------------------------------------------------

    async def _fork(self) -> WorkerHandle:
        handle = WorkerHandle(self.spec, self._on_report)
        await handle.start()
        handle.on_exit(lambda: self._forget(handle))
        return handle

    def _forget(self, handle: WorkerHandle) -> None:
        self._states.pop(handle, None)
        self._changed.set()

    def _on_report(self, handle: WorkerHandle, report: Report) -> None:
        if isinstance(report, Moved):
            self._states[handle] = report.state
            self.knew_broker = self.knew_broker or report.state is WorkerState.STARTING
            if handle is self._current:
                self.state = report.state
                if report.state is WorkerState.RUNNING:
                    self._running_since = time.monotonic()
            self._changed.set()
        elif isinstance(report, Failed):
            self._on_failed(report)
