"""The parent of the workers: starts them, forwards interrupts, rolls them, answers probes, ends when they have.

It knows no Kafka: what it tells about a worker is what the worker reports.
"""

import asyncio
import math
import os
import signal
import socket
import sys
import time
from contextlib import AsyncExitStack

import structlog

from framework.exit_codes import ExitCode
from framework.lifecycle.control import ControlServer
from framework.lifecycle.interrupts import ONE_INTERRUPT, reason_of
from framework.lifecycle.link import Failed, WorkerSpec
from framework.lifecycle.probes import Probes
from framework.lifecycle.process import start_fork_server
from framework.lifecycle.reaper import Reaper
from framework.lifecycle.restart_policy import RestartPolicy
from framework.lifecycle.slot import SETTLED, Slot
from framework.lifecycle.status import Status
from framework.settings import Settings, environment
from framework.states import StopReason

log = structlog.get_logger(__name__)


SERVE_AFTER = 2.0
"""Seconds after which probes are answered although no worker is running yet."""

LAST_WORDS = 3.0
"""Seconds at most to tell a command that waits how the workers ended, and to let it end first."""

SAME_FAILURE = 10.0
"""Seconds within which the same sentence of several workers is shown once."""


class Supervisor:
    """Runs `workers` workers of one app until it is interrupted.

    Args:
        target: `MODULE:APP`.
        workers: how many processes.
        settings: grace period, restart policy.
        debug: whether a person wants tracebacks.
    """

    def __init__(self, target: str, workers: int, settings: Settings, *, debug: bool = False) -> None:
        self._settings = settings
        self._policy = RestartPolicy.from_settings(settings)
        self._specs = [WorkerSpec(target, slot, workers, os.getcwd(), debug, settings.role) for slot in range(workers)]
        self._slots: list[Slot] = []
        self._said: dict[str, float] = {}
        self._rolling: asyncio.Task[None] | None = None
        self._started = time.monotonic()
        self._stopping_since: float | None = None
        self._interrupted_at = -math.inf
        self._changed = asyncio.Event()
        self._probes = Probes()

    async def run(self) -> ExitCode:
        """Run until every worker has ended; returns the exit code of the whole.

        Raises:
            PortTakenError: the port for the probes was chosen by a setting and is taken.
        """
        # First, because it takes longest; nothing joins a group before the port is ours.
        start_fork_server()
        any_port = self._settings.sources()["http_port"] == "default"
        self._probes.listen(self._settings.http_host, self._settings.http_port, any_port=any_port)
        self._slots = [Slot(spec, self._policy, self._on_failed, self._changed.set) for spec in self._specs]
        self._take_interrupts()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._probes.close)
            control = ControlServer(self.status, self.leave)
            await control.start(environment())
            stack.push_async_callback(control.close)
            serving = asyncio.create_task(self._serve())
            stack.callback(serving.cancel)
            with Reaper():
                codes = await asyncio.gather(*(slot.keep() for slot in self._slots))
            await control.drained(LAST_WORDS)
        log.debug("supervisor.stopped", codes=[code.name for code in codes])
        return worst(codes)

    def _take_interrupts(self) -> None:
        loop = asyncio.get_running_loop()
        for interrupt in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2):
            loop.add_signal_handler(interrupt, self._on_interrupt, interrupt)
        loop.add_signal_handler(signal.SIGHUP, self._roll)

    async def _serve(self) -> None:
        """Answer probes once a worker runs: the HTTP library takes a while to load, and the workers go first."""
        started = asyncio.get_running_loop().time()
        while not any(slot.state in SETTLED for slot in self._slots):
            left = SERVE_AFTER - (asyncio.get_running_loop().time() - started)
            if left <= 0:
                break
            await self._next_change(left)
        await self._probes.serve(self.status)
        log.info("supervisor.serving", url=self._probes.url)

    async def _next_change(self, timeout: float) -> None:
        self._changed.clear()
        try:
            await asyncio.wait_for(self._changed.wait(), timeout)
        except TimeoutError:
            return

    def status(self) -> Status:
        """Everything that is known just now."""
        return Status(
            target=self._specs[0].target,
            pid=os.getpid(),
            host=socket.gethostname(),
            role=self._settings.role,
            uptime=time.monotonic() - self._started,
            is_stopping=self._stopping_since is not None,
            session_timeout=self._settings.session_timeout_ms / 1000,
            workers=tuple(slot.status() for slot in self._slots),
        )

    def leave(self) -> None:
        """Stop all workers and give their seats up; said once or again, it is no interrupt."""
        if self._stopping_since is None:
            self._stop(StopReason.LEAVE)

    def _on_interrupt(self, interrupt: signal.Signals) -> None:
        reason = reason_of(interrupt)
        if reason is StopReason.LEAVE:
            log.info("supervisor.interrupt", interrupt=interrupt.name)
            return self.leave()
        now = asyncio.get_running_loop().time()
        if now - self._interrupted_at < ONE_INTERRUPT:
            return
        # An orchestrator's SIGTERM after its preStop hook has made the workers leave is the first interrupt, not the
        # second: it must not cut the leaving short.
        again, self._interrupted_at = self._interrupted_at > -math.inf, now
        log.info("supervisor.interrupt", interrupt=interrupt.name, now=again)
        if self._stopping_since is None or again:
            self._stop(reason)

    def _stop(self, reason: StopReason) -> None:
        self._stopping_since = asyncio.get_running_loop().time()
        grace = self._settings.shutdown_grace
        log.info("supervisor.stopping", reason=reason.value, grace=grace)
        for slot in self._slots:
            slot.stop(grace, reason)

    def _roll(self) -> None:
        if self._rolling is not None and not self._rolling.done():
            log.warning("supervisor.roll_in_progress")
            return
        self._rolling = asyncio.get_running_loop().create_task(self._replace_all())

    async def _replace_all(self) -> None:
        """Replace the workers one at a time; stops at the first that does not come up, with the others untouched."""
        log.info("supervisor.rolling", workers=len(self._slots))
        for slot in self._slots:
            if slot.has_left:
                continue
            if not await slot.replace(self._settings.shutdown_grace) and not slot.has_left:
                log.error("supervisor.roll_stopped", slot=slot.spec.slot)
                return
        log.info("supervisor.rolled", workers=len(self._slots))

    def _on_failed(self, failed: Failed) -> None:
        # Workers of one app fail alike; a person reads the sentence once.
        now = time.monotonic()
        if now - self._said.get(failed.message, -math.inf) > SAME_FAILURE:
            self._said[failed.message] = now
            print(f"error: {failed.message}", file=sys.stderr, flush=True)  # noqa: T201


def worst(codes: list[ExitCode]) -> ExitCode:
    """The code of the whole: that of the first worker that did not end well, forced stops last."""
    bad = [code for code in codes if code is not ExitCode.OK]
    return next((code for code in bad if code is not ExitCode.FORCED), bad[0] if bad else ExitCode.OK)
