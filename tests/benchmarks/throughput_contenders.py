"""How the process of each contender is started, watched and stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

from tests.benchmarks.throughput_cases import FAUST, NAMES, OURS, QUIX

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
LIMIT = 120.0
"""Seconds that a contender may take for a case."""

STOP_WITHIN = 40.0
LOOK_EVERY = 0.05
LAST_LINES = 12


class ContenderError(RuntimeError):
    """Raised when a contender fails, is too slow, or loses records; the message names it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run takes place: brokers, a folder of its own, Quix Streams' python, and what our settings are."""

    broker: str
    folder: Path
    quix: Path | None
    settings: Mapping[str, str]


def command(contender: str, module: str, place: Place) -> list[str]:
    """The command of one worker of the app in `module`, a name below `tests.benchmarks`."""
    path = f"tests.benchmarks.{module}"
    if contender == QUIX:
        return [str(place.quix), str(ROOT / "tests" / "benchmarks" / "throughput_quix.py")]
    python = [sys.executable, "-m"]
    if contender == FAUST:
        return [*python, "faust", "-A", path, "worker", "--without-web", "-l", "warn"]
    if contender == OURS:
        return [*python, "framework", "worker", f"{path}:app"]
    return [*python, "tests.benchmarks.throughput_raw"]


def environment(contender: str, group: str, place: Place, **more: str) -> dict[str, str]:
    """The whole environment of a contender's process; what is set outside configures none of them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FRAMEWORK_", "BENCH_"))}
    return {
        **kept,
        "BENCH_PLAIN": "1" if contender == FAUST else "0",
        "BENCH_GROUP": group,
        "FRAMEWORK_BOOTSTRAP_SERVERS": place.broker,
        "FRAMEWORK_INSTANCE_ID": f"{group}-0",
        # Plain Faust has one place for the tables of all groups.
        "FRAMEWORK_DATADIR": str(place.folder / f"data-{group}"),
        "FRAMEWORK_STORE": "memory://",
        **(place.settings if contender == OURS else {}),
        **more,
    }


class Process:
    """A contender's process."""

    def __init__(self, contender: str, arguments: list[str], env: Mapping[str, str], log: Path) -> None:
        self.name = NAMES[contender]
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                arguments,
                cwd=ROOT,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def wait_for(self, look: Callable[[], T], what: str, limit: float = LIMIT) -> T:
        """Wait until `look` returns something true.

        Raises:
            ContenderError: the process ended, or it took too long.
        """
        deadline = time.monotonic() + limit
        while not (found := look()):
            code = self._process.poll()
            if code is not None:
                raise ContenderError(f"{self.name}: ended with code {code} before {what}; it said: {self._said()}")
            if time.monotonic() > deadline:
                raise ContenderError(
                    f"{self.name}: stopped after {limit:.0f} s without {what}; it said: {self._said()}"
                )
            time.sleep(LOOK_EVERY)
        return found

    def stop(self) -> None:
        """End it in order.

        Raises:
            ContenderError: it had ended by itself, so that what was measured is worth nothing; it ends with an error;
                or it does not end, and is killed.
        """
        if (code := self._process.poll()) is not None:
            raise ContenderError(f"{self.name}: ended by itself with code {code}; it said: {self._said()}")
        self._process.send_signal(signal.SIGTERM)
        try:
            if code := self._process.wait(STOP_WITHIN):
                raise ContenderError(f"{self.name}: ended with code {code} after SIGTERM; it said: {self._said()}")
        except subprocess.TimeoutExpired:
            self.kill()
            raise ContenderError(f"{self.name}: did not end within {STOP_WITHIN:.0f} s of SIGTERM") from None

    def kill(self) -> None:
        """End it, and all below it, for good."""
        if self._process.poll() is None:
            for process in psutil.Process(self.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            self._process.kill()
            self._process.wait()

    def _said(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-LAST_LINES:]) or "nothing"


@contextmanager
def running(contender: str, arguments: list[str], env: Mapping[str, str], log: Path) -> Iterator[Process]:
    """A contender's process, stopped in order at the end, or killed where something went wrong."""
    process = Process(contender, arguments, env, log)
    try:
        yield process
        process.stop()
    finally:
        process.kill()


def result_in(path: Path) -> dict[str, Any] | None:
    """What a contender has written, if it has."""
    return json.loads(path.read_text()) if path.exists() else None
