"""The parent of the workers: starts them, forwards interrupts, rolls them, ends when they have; knows no Kafka."""

import asyncio
import math
import os
import signal
import sys
import time

import structlog

from framework.backoff import Backoff
from framework.exit_codes import ExitCode
from framework.lifecycle.link import ONE_INTERRUPT, Failed, WorkerSpec
from framework.lifecycle.process import start_fork_server
from framework.lifecycle.reaper import Reaper
from framework.lifecycle.restart_policy import RestartPolicy
from framework.lifecycle.slot import Slot
from framework.settings import Settings

log = structlog.get_logger(__name__)


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
        self._policy = RestartPolicy(
            Backoff(settings.restart_backoff_initial, settings.restart_backoff_max, jitter=0.1),
            settings.restart_limit,
            settings.restart_reset_after,
        )
        self._specs = [WorkerSpec(target, slot, workers, os.getcwd(), debug) for slot in range(workers)]
        self._slots: list[Slot] = []
        self._said: dict[str, float] = {}
        self._rolling: asyncio.Task[None] | None = None
        self._stopping_since: float | None = None

    async def run(self) -> ExitCode:
        """Run until every worker has ended; returns the exit code of the whole."""
        start_fork_server()
        self._slots = [Slot(spec, self._policy, self._on_failed) for spec in self._specs]
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop, signal.SIGTERM)
        loop.add_signal_handler(signal.SIGINT, self._stop, signal.SIGINT)
        loop.add_signal_handler(signal.SIGHUP, self._roll)
        with Reaper():
            codes = await asyncio.gather(*(slot.keep() for slot in self._slots))
        log.debug("supervisor.stopped", codes=[code.name for code in codes])
        return worst(codes)

    def _stop(self, interrupt: signal.Signals) -> None:
        now = asyncio.get_running_loop().time()
        if self._stopping_since is not None and now - self._stopping_since < ONE_INTERRUPT:
            return
        again, self._stopping_since = self._stopping_since is not None, now
        log.info("supervisor.stopping", interrupt=interrupt.name, now=again, grace=self._settings.shutdown_grace)
        for slot in self._slots:
            slot.stop(self._settings.shutdown_grace)

    def _roll(self) -> None:
        if self._rolling is not None and not self._rolling.done():
            log.warning("supervisor.roll_in_progress")
            return
        self._rolling = asyncio.get_running_loop().create_task(self._replace_all())

    async def _replace_all(self) -> None:
        """Replace the workers one at a time; stops at the first that does not come up, with the others untouched."""
        log.info("supervisor.rolling", workers=len(self._slots))
        for slot in self._slots:
            if not await slot.replace(self._settings.shutdown_grace):
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
