"""One worker process: an app on its event loop from import to exit; knows its supervisor only as a `Link`."""

import asyncio
import errno
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Coroutine
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import structlog

from framework import logs
from framework.errors import FencedError, FrameworkError, MembershipError, PortTakenError
from framework.exit_codes import ExitCode
from framework.lifecycle.broker_wait import reach_broker
from framework.lifecycle.interrupts import INTERRUPTS, ONE_INTERRUPT, reason_of
from framework.lifecycle.leave_policy import ORDERS
from framework.lifecycle.link import (
    Admitted,
    Beat,
    Bound,
    Failed,
    Go,
    Left,
    Link,
    Moved,
    Reached,
    Stop,
    Surplus,
    Waiting,
    WorkerSpec,
)
from framework.lifecycle.loading import load_app
from framework.lifecycle.status import Fence
from framework.membership.group import Joined
from framework.states import HAS_JOINED, StopReason, WorkerState, move

if TYPE_CHECKING:
    from framework.app import App
    from framework.lifecycle.presence import Presence

log = structlog.get_logger(__name__)

EARLY_GRACE = 3.0
"""Seconds that a worker gets to stop before it has ever been running: nothing of its own is in flight yet."""

ORPHAN_GRACE = 3.0
"""Seconds that a worker gets to stop after its supervisor died."""

LAST_RESORT = 1.0
"""Seconds that a process which is to end gets for its last words, if nobody reads its log or holds its locks."""

BEAT_INTERVAL = 1.0


class WorkerProcess:
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
        self._presence: Presence | None = None
        self._beats: asyncio.Task[None] | None = None
        self._stopping: Stop | None = None
        self._ends_by = math.inf
        self._never_ran = False
        self._interrupted_at = math.inf
        self._stop_lock = threading.Lock()
        self._end_lock = threading.Lock()

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
        time.sleep(grace)
        if self._stopping is not command:
            # Replaced by another one, which has a deadline of its own.
            return
        if self._never_ran:
            self.end(ExitCode.OK)
        self._force(f"{grace:g} s of grace were not enough")

    def _force(self, why: str) -> NoReturn:
        self._end_soon(ExitCode.FORCED)
        in_flight = self._app.in_flight() if self._app is not None else []
        log.error("worker.forced", why=why, in_flight=in_flight[:100], in_flight_count=len(in_flight))
        self.end(ExitCode.FORCED)

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

    # --- living -------------------------------------------------------------------------------------------------------

    def move(self, to: WorkerState) -> None:
        """Change the state, log it, tell the supervisor."""
        self.state = move(self.state, to)
        # Why it failed is told in a sentence of its own.
        (log.debug if to is WorkerState.FAILED else log.info)("worker.state", state=to.value)
        self.link.say(Moved(to))

    def on_waiting(self, fence: Fence) -> None:
        """Another process holds the seat; called after each look."""
        if self.state is not WorkerState.WAITING:
            self.move(WorkerState.WAITING)
        self.link.say(Waiting(fence))

    def on_member_id(self, member_id: str) -> None:
        """The broker has let this worker in; called in the consumer's thread."""
        self.link.say(Admitted(member_id))
        if self._presence is not None:
            self._presence.on_member_id(member_id)

    def on_joined(self, joined: Joined) -> None:
        """The group has a new assignment; called in the consumer's thread."""
        self.link.say(joined)
        if self._presence is not None:
            self._presence.on_joined(joined)

    def on_surplus(self) -> None:
        """An operator scales the group down and this seat is to be left; called in the roster's thread."""
        assert self._app is not None, "only a worker that runs has a presence"
        self.link.say(Surplus())
        command = Stop(StopReason.SCALED_DOWN, self._app.settings.shutdown_grace)
        threading.Thread(target=self.stop, args=(command,), daemon=True, name="surplus").start()

    async def live(self) -> None:
        """From import to the last commit; returns when the app has stopped."""
        # Here and not above: the supervisor shares this module's neighbours, and has no use for Kafka.
        from framework.lifecycle.presence import Presence
        from framework.lifecycle.seat import await_seat

        self._loop = asyncio.get_running_loop()
        self._stop_asked = asyncio.Event()
        app = self._app = load_app(self.spec.target, self.spec.folder)
        identity = app.bind(slot=self.spec.slot, slots=self.spec.slots)
        settings = app.settings
        logs.configure(
            settings.log_level,
            settings.log_format,
            group_id=identity.group_id,
            group_instance_id=identity.group_instance_id,
            pid=os.getpid(),
        )
        self._warn_if_dynamic(app)
        assert app.incarnation is not None, "bound just now"
        self.link.say(
            Bound(identity.group_id, identity.group_instance_id, app.client_id, identity.source, app.incarnation)
        )
        app.on_membership_failure = self.on_membership_failure  # type: ignore[method-assign]
        app.on_member_id = self.on_member_id  # type: ignore[method-assign]
        app.on_joined = self.on_joined  # type: ignore[method-assign]
        self.move(WorkerState.LOADED)
        self._beats = asyncio.ensure_future(self._beat(app))
        await asyncio.to_thread(self._may_go.wait)
        self.move(WorkerState.CONNECTING)
        await reach_broker(app, settings.broker_wait)
        self.link.say(Reached())
        await await_seat(app, self._go, self.on_waiting)
        self._presence = Presence(app, self.on_surplus)
        self.move(WorkerState.STARTING)
        self._presence.start()
        await self._run(app)

    @staticmethod
    def _warn_if_dynamic(app: "App") -> None:
        if app.identity is not None and app.identity.group_instance_id is None:
            log.warning("worker.dynamic", why=app.identity.why)

    async def _run(self, app: "App") -> None:
        assert self._stop_asked is not None
        assert self._presence is not None
        app.in_worker = True
        app.worker_init()
        if app.conf.autodiscover:
            app.discover()
        if app.has_pages:
            app.worker_init_post_autodiscover()
        starting = asyncio.ensure_future(app.start())
        # An app may also end itself, as batch jobs do.
        stop = asyncio.ensure_future(_first(self._stop_asked.wait(), app._stopped.wait()))
        crash = asyncio.ensure_future(app._crashed.wait())
        await asyncio.wait({starting, stop, crash}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done() and not stop.done() and not crash.done():
            starting.result()
            self.move(WorkerState.RUNNING)
            self._presence.running()
            await asyncio.wait({stop, crash}, return_when=asyncio.FIRST_COMPLETED)
        if app.crash_reason is not None:
            raise app.crash_reason
        await self._stop_app(app, self._presence, starting)

    @property
    def _stop_reason(self) -> StopReason:
        return self._stopping.reason if self._stopping is not None else StopReason.INTERRUPT

    async def _stop_app(self, app: "App", presence: "Presence", starting: "asyncio.Future[Any]") -> None:
        """Stop, and tell how it ended; decides anew about the seat if the reason changes meanwhile."""
        assert self._stop_asked is not None
        # Decided first: the worker goes on processing until the answer is there.
        reason = await self._decide(app, presence)
        self.move(WorkerState.STOPPING)
        presence.stopping(reason)
        starting.cancel()
        stopping = asyncio.ensure_future(app.stop())
        while not stopping.done():
            self._stop_asked.clear()
            if self._stop_reason is not reason:
                reason = await self._decide(app, presence)
                presence.stopping(reason)
                continue
            asked = asyncio.ensure_future(self._stop_asked.wait())
            await asyncio.wait({stopping, asked}, return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
        await stopping
        if app.crash_reason is not None:
            raise app.crash_reason
        if app.member is not None and isinstance(app.member.failure, FencedError):
            # Found out while it closed. A successor that believed in a handover would take the seat back.
            self.on_membership_failure(app.member.failure)
        if app.has_left:
            self.link.say(Left())
        presence.stopped(self._stop_reason, has_left=app.has_left)

    async def _decide(self, app: "App", presence: "Presence") -> StopReason:
        """Decide by the reason of this moment whether the app gives its seat up; returns that reason."""
        reason, decision = None, None
        while decision is None or self._stop_reason is not reason:
            reason = self._stop_reason
            decision = await presence.decide_to_leave(reason)
        log.info("worker.leaving" if decision.leave else "worker.staying", why=decision.why)
        if decision.leave:
            app.leave_on_stop()
        return reason

    async def _beat(self, app: "App") -> None:
        while True:
            self.link.say(Beat(len(app.in_flight()), app.heartbeat_age()))
            await asyncio.sleep(BEAT_INTERVAL)


def _replaces(command: Stop, earlier: Stop) -> bool:
    return earlier.reason is StopReason.RESTART and command.reason is not StopReason.RESTART


async def _first(*waits: Coroutine[Any, Any, Any]) -> None:
    await asyncio.wait([asyncio.ensure_future(wait) for wait in waits], return_when=asyncio.FIRST_COMPLETED)


def run(spec: WorkerSpec, link: Link | None = None) -> NoReturn:
    """Be the worker `spec` until the end of this process."""
    process = WorkerProcess(spec, link or Link())
    logs.configure()
    process.install()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
    # Never closed: closing cancels what the app has left behind and waits for it without a limit, while the consumer's
    # thread goes on with its heartbeats.
    runner = asyncio.Runner(loop_factory=_new_event_loop)
    try:
        runner.run(process.live())
        process.move(WorkerState.STOPPED)
        process.end(ExitCode.OK)
    except FrameworkError as exc:
        process.fail(exc.exit_code, str(exc), exc if spec.debug else None)
    except OSError as exc:
        process.fail(*_explain_os_error(process, exc))
    except BaseException as exc:  # noqa: BLE001 - the process ends here; what it was is in the log and the exit code
        process.fail(ExitCode.CRASHED, f"The app crashed: {exc!r}. The traceback is in the log above.", exc)


def _explain_os_error(process: WorkerProcess, exc: OSError) -> tuple[ExitCode, str, BaseException | None]:
    app = process._app
    if exc.errno == errno.EADDRINUSE and app is not None:
        port = PortTakenError(
            f"Port {app.http_port} on {app.settings.http_host} is taken, so the app's pages cannot be served there."
            " Stop the process that uses it, or set FRAMEWORK_HTTP_PORT to a free one."
        )
        return port.exit_code, str(port), None
    return ExitCode.CRASHED, f"The app crashed: {exc!r}. The traceback is in the log above.", exc


def _new_event_loop() -> asyncio.AbstractEventLoop:
    import uvloop

    # The policy is for the consumer's thread, which makes its own loop.
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    return uvloop.new_event_loop()
