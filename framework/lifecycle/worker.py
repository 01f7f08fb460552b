"""One worker process: an app on its event loop from import to exit; knows its supervisor only as a `Link`."""

import asyncio
import contextlib
import errno
import os
import signal
import threading
import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, NoReturn

import structlog

from framework import logs
from framework.errors import FencedError, FrameworkError, PortTakenError
from framework.exit_codes import ExitCode
from framework.lifecycle.broker_wait import reach_broker
from framework.lifecycle.interrupts import INTERRUPTS
from framework.lifecycle.link import (
    Beat,
    Left,
    Link,
    Reached,
    Stop,
    Surplus,
    WorkerSpec,
    Yielded,
)
from framework.lifecycle.loading import load_app
from framework.lifecycle.seating import SeatingProcess
from framework.membership.roster import Order, OrderKind
from framework.states import StopReason, WorkerState
from framework.streams.garbage import collect_less_often

if TYPE_CHECKING:
    from framework.app import App
    from framework.lifecycle.presence import Presence

log = structlog.get_logger(__name__)

BEAT_INTERVAL = 1.0


class WorkerProcess(SeatingProcess):
    """The process with its app, from import to exit."""

    def __init__(self, spec: WorkerSpec, link: Link) -> None:
        super().__init__(spec, link)
        self._beats: asyncio.Task[None] | None = None

    def on_order(self, order: Order) -> None:
        """A shadow is to have the seat; called in the roster's thread."""
        assert self._app is not None, "only a worker that runs has a presence"
        if self._stopping is not None:
            # It ends as it was told before, and whoever comes next is not to wait for a shadow that has no word of it.
            return
        self.link.say(Yielded())
        if order.kind is OrderKind.DRILL:
            threading.Thread(target=self._drill, daemon=True, name="drill").start()
            return
        command = Stop(StopReason.HANDOVER, self._app.settings.shutdown_grace)
        threading.Thread(target=self.stop, args=(command,), daemon=True, name="handover").start()

    def _drill(self) -> None:
        """Die as a process that is killed: nothing is finished, nothing is committed, the group is told nothing."""
        assert self._app is not None, "only a worker that runs has a presence"
        assert self._presence is not None, "only a worker that runs has a presence"
        # Nothing begins and nothing leaves from here on, so that what is counted stays as it is.
        self._app.lease.withhold()
        unfinished = len(self._app.in_flight())
        self._presence.drilled(self._app.uncommitted() + unfinished)
        log.warning("worker.drilled", in_flight=unfinished)
        self.end(ExitCode.OK)

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

        self._loop = asyncio.get_running_loop()
        self._stop_asked = asyncio.Event()
        app = self._app = load_app(self.spec.target, self.spec.folder)
        app.bind(slot=self.spec.slot, slots=self.spec.slots, role=self.spec.role)
        self._introduce(app)
        self._warn_if_dynamic(app)
        app.on_membership_failure = self.on_membership_failure  # type: ignore[method-assign]
        app.on_member_id = self.on_member_id  # type: ignore[method-assign]
        app.on_joined = self.on_joined  # type: ignore[method-assign]
        self.move(WorkerState.LOADED)
        self._beats = asyncio.ensure_future(self._beat(app))
        await asyncio.to_thread(self._may_go.wait)
        self.move(WorkerState.CONNECTING)
        await reach_broker(app, app.settings.broker_wait)
        self.link.say(Reached())
        if not await self._sit_down(app):
            return
        self._presence = Presence(app, self.on_surplus, self.on_order, self._takeover)
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
            collect_less_often()
            promotion = self._promotion
            took = round(time.monotonic() - promotion.decided_at, 3) if promotion is not None else None
            self._presence.running(took)
            await asyncio.wait({stop, crash}, return_when=asyncio.FIRST_COMPLETED)
        if app.crash_reason is not None:
            raise app.crash_reason
        await self._stop_app(app, self._presence, starting)

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
        if app.crash_reason is not None and not app.has_left:
            raise app.crash_reason
        if app.member is not None and isinstance(app.member.failure, FencedError):
            # Found out while it closed. A successor that believed in a handover would take the seat back.
            self.on_membership_failure(app.member.failure)
        if app.has_left:
            self.link.say(Left())
        presence.stopped(self._stop_reason, has_left=app.has_left)
        if app.crash_reason is not None:
            # Its seat is given up all the same.
            raise app.crash_reason
        if self._stop_reason is StopReason.HANDOVER and app.identity is not None:
            await app.on_demoted.send(seat=app.identity.group_instance_id)

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
        lapses = 0
        while True:
            lease = app.lease
            self.link.say(Beat(len(app.in_flight()), app.heartbeat_age(), lease.duration or 0.0, lease.is_held()))
            if app.lease.lapses > lapses:
                lapses = app.lease.lapses
                log.warning("worker.lease_lapsed", lease=app.lease.duration, lapses=lapses)
            await asyncio.sleep(BEAT_INTERVAL)


async def _first(*waits: Coroutine[Any, Any, Any]) -> None:
    await asyncio.wait([asyncio.ensure_future(wait) for wait in waits], return_when=asyncio.FIRST_COMPLETED)


def run(spec: WorkerSpec, link: Link | None = None) -> NoReturn:
    """Be the worker `spec` until the end of this process."""
    process = WorkerProcess(spec, link or Link())
    logs.configure()
    process.install()
    if spec.announced is not None:
        threading.Thread(target=_announce, args=spec.announced, daemon=True, name="announcing").start()
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


def _announce(group_id: str, seat: str) -> None:
    """Tell the shadows of a seat that its next process is loading, which may take longer than they would wait."""
    from framework.lifecycle.standby_presence import tell_restarting
    from framework.membership.connection import Connection
    from framework.settings import Settings

    # What the app's own settings say is known only when it has been loaded; it tells them once more then.
    with contextlib.suppress(FrameworkError):
        connection = Connection.from_settings(Settings.load(), "framework-announcing")
        asyncio.run(tell_restarting(connection, group_id, seat, f"process {os.getpid()}"))


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
