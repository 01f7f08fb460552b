"""One worker process: an app on its event loop from import to exit; knows its supervisor only as a `Link`."""

import asyncio
import errno
import os
import signal
import threading
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, NoReturn

import structlog

from framework import logs
from framework.errors import FencedError, FrameworkError, PortTakenError
from framework.exit_codes import ExitCode
from framework.lifecycle.broker_wait import reach_broker
from framework.lifecycle.ending import EndingProcess
from framework.lifecycle.interrupts import INTERRUPTS
from framework.lifecycle.link import (
    Admitted,
    Beat,
    Bound,
    Left,
    Link,
    Reached,
    Stop,
    Surplus,
    Waiting,
    WorkerSpec,
)
from framework.lifecycle.loading import load_app
from framework.lifecycle.status import Fence
from framework.membership.group import Joined
from framework.states import StopReason, WorkerState

if TYPE_CHECKING:
    from framework.app import App
    from framework.lifecycle.presence import Presence

log = structlog.get_logger(__name__)

BEAT_INTERVAL = 1.0


class WorkerProcess(EndingProcess):
    """The process with its app, from import to exit."""

    def __init__(self, spec: WorkerSpec, link: Link) -> None:
        super().__init__(spec, link)
        self._presence: Presence | None = None
        self._beats: asyncio.Task[None] | None = None

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
