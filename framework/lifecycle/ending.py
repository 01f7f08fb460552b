"""How a worker process ends: whoever may end it, from whichever thread, and within which time; knows no app's life."""

import asyncio
import math
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import structlog

from framework import logs
from framework.errors import MembershipError
from framework.exit_codes import ExitCode
from framework.lifecycle.interrupts import ONE_INTERRUPT, reason_of
from framework.lifecycle.leave_policy import ORDERS
from framework.lifecycle.link import Failed, Go, Link, Moved, Stop, WorkerSpec
from framework.lifecycle.waiting import all_waits
from framework.states import HAS_JOINED, StopReason, WorkerState, move

if TYPE_CHECKING:
    from framework.app import App

log = structlog.get_logger(__name__)

EARLY_GRACE = 3.0
"""Seconds that a worker gets to stop before it has ever been running: nothing of its own is in flight yet."""

ORPHAN_GRACE = 3.0
"""Seconds that a worker gets to stop after its supervisor died."""

SLOW_STOP = 5.0
"""Seconds after which a stop says what holds it up; not only at its end, which may be a SIGKILL."""

LAST_RESORT = 1.0
"""Seconds that a process which is to end gets for its last words, if nobody reads its log or holds its locks."""


class EndingProcess:
    """The process as it is seen by those who may end it: the supervisor, a signal, the group, the app itself.

    Whoever ends it may do so from any thread. The first one decides the reason; only a restart may still become a stop
    for good, because then no successor takes the seat over.
    """

    def __init__(self, spec: WorkerSpec, link: Link) -> None:
        self.spec = spec
        self.link = link
        self.state = WorkerState.LOADING
        self._app: App | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_asked: asyncio.Event | None = None
        self._go = Go()
        self._may_go = threading.Event()
        self._stopping: Stop | None = None
        self._ends_by = math.inf
        self._never_ran = False
        self._interrupted_at = math.inf
        self._stop_lock = threading.Lock()
        self._end_lock = threading.Lock()

    def move(self, to: WorkerState) -> None:
        """Change the state, log it, tell the supervisor."""
        self.state = move(self.state, to)
        # Why it failed is told in a sentence of its own.
        (log.debug if to is WorkerState.FAILED else log.info)("worker.state", state=to.value)
        self.link.say(Moved(to))

    # --- ending -------------------------------------------------------------------------------------------------------

    def end(self, code: ExitCode, message: str | None = None) -> NoReturn:
        """Leave at once, from any thread.

        Not by `sys.exit`: the consumer's thread is not a daemon, and a join in flight can hold it for over a minute.
        """
        self._end_soon(code)
        self._end_lock.acquire()  # never released: the second caller must not cut the first one short
        if message is not None:
            self.link.say(Failed(code, message))
            if not self.link.is_attached:
                print(f"error: {message}", file=sys.stderr)  # noqa: T201
        with suppress(Exception):
            logs.flush()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)

    def _end_soon(self, code: ExitCode) -> None:
        """Make sure that the process ends, whatever blocks it: a log that nobody reads, or the lock of its writer."""
        timer = threading.Timer(LAST_RESORT, os._exit, (code,))
        timer.daemon = True
        timer.start()

    def fail(self, code: ExitCode, message: str, exc: BaseException | None = None) -> NoReturn:
        """Leave because of an error; `exc` is shown with its traceback."""
        if exc is not None:
            log.error("worker.crashed", error=repr(exc), exc_info=exc)
        if self.state not in (WorkerState.STOPPED, WorkerState.FAILED):
            self.move(WorkerState.FAILED)
        self.end(code, message)

    def on_membership_failure(self, error: MembershipError) -> None:
        """The seat is lost: stop emitting now, commit nothing.

        Runs in the consumer's thread, so a blocked app cannot hold it up.
        """
        self._end_soon(error.exit_code)
        log.error("worker.membership_lost", error=str(error), exit_code=error.exit_code.name)
        self.fail(error.exit_code, str(error))

    def stop(self, command: Stop) -> None:
        """Stop gracefully, or now if the command says so."""
        if command.now and self.state in HAS_JOINED:
            self._force("a second interrupt")
        with self._stop_lock:
            if self._stopping is not None and not _replaces(command, self._stopping):
                return
            self._stopping = command
        if self.state not in HAS_JOINED or self._loop is None or self._stop_asked is None:
            log.info("worker.stopped", reason=command.reason.value, state=self.state.value)
            self.end(ExitCode.OK)
        grace = self._grace(command)
        threading.Thread(target=self._deadline, args=(command, grace), daemon=True, name="deadline").start()
        log.info("worker.stopping", reason=command.reason.value, grace=round(grace, 3))
        self._loop.call_soon_threadsafe(self._stop_asked.set)

    def _grace(self, command: Stop) -> float:
        """Seconds that are left for a stop."""
        now = time.monotonic()
        # A restart that becomes a stop for good gets no more time: the supervisor kills at the end of the first grace.
        self._ends_by = min(self._ends_by, now + command.grace)
        # A worker that never ran holds nothing of its own: not worth waiting for long, and ending it is no loss. But
        # one that is not coming back may have a seat to give up.
        self._never_ran = self._never_ran or self.state is WorkerState.STARTING
        is_short = self._never_ran and command.reason not in ORDERS
        return min(self._ends_by - now, EARLY_GRACE if is_short else math.inf)

    def _deadline(self, command: Stop, grace: float) -> None:
        if grace > SLOW_STOP:
            # In a thread of its own: a log that nobody reads must not hold the deadline up.
            threading.Thread(target=self._say_if_slow, args=(command,), daemon=True, name="slow stop").start()
        time.sleep(grace)
        if self._stopping is not command:
            # Replaced by another one, which has a deadline of its own.
            return
        if self._never_ran:
            self.end(ExitCode.OK)
        self._force(f"{grace:g} s of grace were not enough")

    def _say_if_slow(self, command: Stop) -> None:
        time.sleep(SLOW_STOP)
        if self._stopping is command:
            log.warning("worker.still_stopping", seconds=SLOW_STOP, **self._held_up_by())

    def _force(self, why: str) -> NoReturn:
        self._end_soon(ExitCode.FORCED)
        log.error("worker.forced", why=why, **self._held_up_by())
        self.end(ExitCode.FORCED)

    def _held_up_by(self) -> dict[str, Any]:
        """What a stop waits for: the records that agents are at, and where each task waits."""
        loops = [self._loop, self._app.consumer_loop if self._app is not None else None]
        try:
            in_flight = self._app.in_flight() if self._app is not None else []
            waits_at = all_waits(loop for loop in loops if loop is not None)
        except Exception as error:  # noqa: BLE001 - looks at others at work; whatever it is, the stop must go on
            return {"held_up_by": repr(error)}
        return {"in_flight": in_flight[:100], "in_flight_count": len(in_flight), "waits_at": waits_at}

    # --- who may end it -----------------------------------------------------------------------------------------------

    def listen(self) -> None:
        """Obey the supervisor until it is gone; in a thread of its own, so a blocked event loop cannot hold it up."""
        while (command := self.link.listen()) is not None:
            if isinstance(command, Go):
                self._go = command
                self._may_go.set()
            else:
                self.stop(command)
        self.stop(Stop(StopReason.SUPERVISOR_GONE, ORPHAN_GRACE))

    def on_signal(self, interrupt: int, _frame: FrameType | None) -> None:
        """An interrupt for this process alone."""
        reason, moment = reason_of(interrupt), time.monotonic()
        again = False
        # Asked to leave is no interrupt: an orchestrator's SIGTERM that follows must not cut the leaving short.
        if reason is not StopReason.LEAVE:
            # With a supervisor this may be one signal for the whole process group, and whether it is the second is not
            # for the worker to say.
            again = not self.link.is_attached and moment - self._interrupted_at > ONE_INTERRUPT
            self._interrupted_at = min(self._interrupted_at, moment)
        grace = self._app.settings.shutdown_grace if self._app is not None else EARLY_GRACE
        command = Stop(reason, grace, now=again)
        # Not in the handler itself: it runs between two instructions of whatever holds the locks of logging.
        threading.Thread(target=self.stop, args=(command,), daemon=True, name="interrupt").start()

    def install(self) -> None:
        """Take interrupts and commands from here on."""
        signal.signal(signal.SIGTERM, self.on_signal)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        if self.link.is_attached:
            # A terminal sends SIGINT to each process of the group; the supervisor forwards what is meant for us.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGUSR2, signal.SIG_IGN)
            threading.Thread(target=self.listen, daemon=True, name="supervisor").start()
        else:
            signal.signal(signal.SIGINT, self.on_signal)
            signal.signal(signal.SIGUSR2, self.on_signal)
            self._may_go.set()


_HAS_SUCCESSOR = frozenset({StopReason.RESTART, StopReason.HANDOVER})


def _replaces(command: Stop, earlier: Stop) -> bool:
    return earlier.reason is StopReason.RESTART and command.reason not in _HAS_SUCCESSOR
