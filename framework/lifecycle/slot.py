"""One of the supervisor's workers through all its processes: keeps it running, replaces it, ends it."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import replace

import structlog

from framework.exit_codes import ExitCode
from framework.lifecycle.lineage import Lineage
from framework.lifecycle.link import Admitted, Failed, Moved, Reached, Report, Stop, Waiting, WorkerSpec
from framework.lifecycle.observed import Observed
from framework.lifecycle.process import WorkerHandle
from framework.lifecycle.restart_policy import Ending, RestartPolicy, describe
from framework.lifecycle.status import WorkerStatus
from framework.states import HAS_JOINED, StopReason, WorkerState

log = structlog.get_logger(__name__)

AFTER_YIELDING = 1.0
"""Seconds before the next process starts to shadow a seat that was handed over: whoever sits down in it comes first."""

KILL_AFTER = 1.0
"""Seconds that a worker gets beyond its grace period, which it keeps by itself, before it is killed."""

SETTLED = frozenset({WorkerState.RUNNING, WorkerState.WAITING, WorkerState.SHADOWING})
"""States that a worker stays in."""


class Slot:
    """Keeps one worker running.

    Args:
        spec: which worker.
        policy: when to start it again.
        on_failed: told what the person should read.
        on_change: called when the worker moved, left, waited or ended.
    """

    def __init__(
        self,
        spec: WorkerSpec,
        policy: RestartPolicy,
        on_failed: Callable[[Failed], None],
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.spec = spec
        self.knew_broker = False
        self.has_ended = False
        self.has_left = False
        """Whether the worker was told by an operator, and not by its supervisor, to go for good."""
        self._policy = policy
        self._on_failed = on_failed
        self._on_change = on_change
        self._current: WorkerHandle | None = None
        self._successor: WorkerHandle | None = None
        self._observed: dict[WorkerHandle, Observed] = {}
        self._lineage = Lineage(policy)
        self._changed = asyncio.Event()
        self._crashes = 0
        self._restarts = 0
        self._was_running = False
        self._stopping: StopReason | None = None
        self._forced = False
        self._wake = asyncio.Event()

    @property
    def state(self) -> WorkerState | None:
        """State of the process that has the seat or wants it; None while there is none."""
        return self._observed_of(self._current).state if self.pid is not None else None

    @property
    def pid(self) -> int | None:
        """Id of that process."""
        return self._current.pid if self._current is not None and self._current.is_alive else None

    def status(self) -> WorkerStatus:
        """All that is known of the worker."""
        status = self._observed_of(self._current).status(self.spec.slot, self.pid or 0)
        return replace(
            status,
            state=self.state,
            pid=self.pid,
            restarts=self._restarts,
            was_running=self._was_running,
            has_ended=self.has_ended,
            # One that waited for its seat has none to give up. One that had not looked yet may still have that of the
            # process before it.
            has_left=status.has_left or self.has_left or (self.has_ended and status.state is WorkerState.WAITING),
            fence=status.fence or (self._lineage.fence if not self._is_joined() else None),
        )

    def _is_joined(self) -> bool:
        return self.state in HAS_JOINED

    async def keep(self) -> ExitCode:
        """Run the worker until it is stopped or not worth another start; returns the code the slot ends with."""
        try:
            return await self._keep()
        finally:
            self.has_ended = True
            if self._stopping is None and (successor := self._take_successor()) is not None:
                # A roll has made it meanwhile; there is no seat for it any more. A stop has told it to end.
                successor.kill()
            self._notify()

    async def _keep(self) -> ExitCode:
        self._current = await self._fork()
        self._send_off(self._current)
        while True:
            current = self._current
            code = await current.wait()
            ended = self._observed_of(current)
            self._lineage.ended(ended, code)
            if self._stopping is not None:
                exit_code = self._code_after_stop(code)
                self._tell_fence(ended, exit_code)
                return exit_code
            if ended.is_surplus and ended.seat is None:
                self.has_left = True
                log.info("supervisor.worker_left", slot=self.spec.slot, ended=describe(code))
                return self._code_after_stop(code)
            if (successor := self._take_successor()) is not None:
                self._current = successor
                self._send_off(successor, is_handover=code == ExitCode.OK and ended.running_since is not None)
                continue
            if ended.has_yielded or ended.is_surplus:
                # A spare that is scaled away where it helped out goes back to where it came from.
                log.info("supervisor.yielded", slot=self.spec.slot, ended=describe(code))
                if await self._is_woken(AFTER_YIELDING):
                    return ExitCode.OK
                self._current = await self._fork()
                self._send_off(self._current)
                continue
            given_up = await self._restart(code, ended)
            if given_up is ExitCode.CRASH_LOOP:
                self._on_failed(Failed(ExitCode.CRASH_LOOP, self._crash_loop_message(code)))
            if given_up is not None:
                self._tell_fence(ended, given_up)
                return given_up

    def _code_after_stop(self, code: int) -> ExitCode:
        if self._forced or code == ExitCode.FORCED or code < 0:
            return ExitCode.FORCED
        return ExitCode(code) if code in set(ExitCode) else ExitCode.CRASHED

    async def _restart(self, code: int, ended: Observed) -> ExitCode | None:
        """Start the worker again after its pause, or return the code to end with."""
        since = ended.at_work_since
        ran_for = time.monotonic() - since if since is not None else None
        self._crashes = self._policy.crashes(self._crashes, code, ran_for)
        ending = Ending(code, self._crashes, self.knew_broker, self._lineage.attempts)
        decision = self._policy.decide(ending, random.random())  # noqa: S311
        if decision.restart_in is None:
            log.debug("supervisor.gave_up", slot=self.spec.slot, ended=describe(code), crashes=self._crashes)
            return decision.exit_code
        log.warning(
            "supervisor.restart",
            slot=self.spec.slot,
            ended=describe(code),
            crashes=self._crashes,
            restart_in=round(decision.restart_in, 2),
        )
        self._restarts += 1
        if await self._is_woken(decision.restart_in):
            return ExitCode.OK
        newborn = self._take_successor() or await self._fork()
        if (successor := self._take_successor()) is not None:
            # A roll has made one during the fork.
            newborn.kill()
            newborn = successor
        self._current = newborn
        self._send_off(newborn)
        return None

    async def _is_woken(self, pause: float) -> bool:
        """Wait; True at once when the slot is stopped."""
        try:
            await asyncio.wait_for(self._wake.wait(), pause)
        except TimeoutError:
            return False
        return True

    def _tell_fence(self, ended: Observed, exit_code: ExitCode) -> None:
        """Tell the person of a fence that ends the slot; whatever else a process said has been told already."""
        if exit_code is ExitCode.FENCED and ended.failed is not None:
            self._on_failed(ended.failed)

    def _take_successor(self) -> WorkerHandle | None:
        successor, self._successor = self._successor, None
        return successor

    def _send_off(self, handle: WorkerHandle, *, is_handover: bool = False) -> None:
        """Let a process join, unless the slot was stopped while it was being forked."""
        handle.tell(self._stop_command(0.0) if self._stopping is not None else self._lineage.go(is_handover))

    def _stop_command(self, grace: float) -> Stop:
        return Stop(self._stopping or StopReason.INTERRUPT, grace, now=self._forced)

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
        if not await self._until(lambda: self.state in SETTLED):
            return False
        successor = await self._fork()
        if not await self._reached(successor, frozenset({WorkerState.LOADED})):
            successor.kill()
            return False
        self._successor, current = successor, self._current
        if current is not None:
            current.tell(Stop(StopReason.RESTART, grace))
            self._kill_later(current, grace)
        return await self._reached(successor, SETTLED)

    async def _reached(self, handle: WorkerHandle, states: frozenset[WorkerState]) -> bool:
        """Wait until the process is in one of `states`; False if it ends before, or the slot stops or ends."""
        if not await self._until(lambda: self._observed_of(handle).state in states or not handle.is_alive):
            return False
        return handle.is_alive

    async def _until(self, holds: Callable[[], bool]) -> bool:
        """Wait for a condition on the states of this slot; False if the slot stops or ends first."""
        while not (self._stopping is not None or self.has_ended):
            if holds():
                return True
            self._changed.clear()
            await self._changed.wait()
        return False

    def stop(self, grace: float, reason: StopReason = StopReason.INTERRUPT) -> None:
        """Stop for good, within `grace` seconds; a second call stops now."""
        again = self._stopping is not None
        self._stopping = self._stopping or reason
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
        handle = WorkerHandle(replace(self.spec, announced=self._lineage.announced), self._on_report)
        kept = (self._current, self._successor)
        self._observed = {h: found for h, found in self._observed.items() if h in kept or h.is_alive}
        self._observed[handle] = Observed()
        await handle.start()
        handle.on_exit(self._notify)
        return handle

    def _observed_of(self, handle: WorkerHandle | None) -> Observed:
        """What is known of a process, also after its end."""
        return self._observed.get(handle, Observed()) if handle is not None else Observed()

    def _notify(self) -> None:
        self._changed.set()
        self._on_change()

    def _on_report(self, handle: WorkerHandle, report: Report) -> None:
        observed = self._observed.get(handle)
        if observed is None:
            return
        observed.apply(report)
        if isinstance(report, Moved):
            self._was_running = self._was_running or report.state is WorkerState.RUNNING
            self._notify()
        elif isinstance(report, Reached):
            self.knew_broker = True
        elif isinstance(report, Admitted):
            self._lineage.admitted(report)
        elif isinstance(report, Waiting):
            self._lineage.waiting(report)
            self._notify()
        elif isinstance(report, Failed) and report.code is not ExitCode.FENCED:
            # A fence is told when there is no further look.
            self._on_failed(report)
