"""Who is measured: how each one's workers are started, and how a restart of all of them is asked for."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
APP = "tests.benchmarks.bench_app"
WORKERS = ("b0", "b1", "b2")
STOP_WITHIN = 30.0


class Contender(ABC):
    """One way to run three static workers.

    Args:
        group_id: of this run.
        bootstrap_servers: where the brokers are.
        table: whether the app keeps a table on RocksDB.
    """

    name = ""

    def __init__(self, group_id: str, bootstrap_servers: str, *, table: bool) -> None:
        self.group_id = group_id
        self.bootstrap_servers = bootstrap_servers
        self.table = table
        self.folder = Path(tempfile.mkdtemp(prefix=f"bench-{group_id}-"))
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    @abstractmethod
    def start(self) -> None:
        """Start all workers."""

    @abstractmethod
    def roll(self, wait_for_output_of: Callable[[str, float], None]) -> None:
        """Restart them one after the other; `wait_for_output_of(worker, since)` returns when it emits again."""

    def close(self) -> None:
        """Stop everything that was started."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(STOP_WITHIN)
            except subprocess.TimeoutExpired:
                _kill_family(process)

    def kill(self, worker: str) -> set[int]:
        """SIGKILL one worker's process and all below it, for good; returns their process ids."""
        return _kill_family(self.processes.pop(worker))

    def _spawn(self, worker: str, command: list[str], **environment: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("FRAMEWORK_", "BENCH_"))}
        with (self.folder / f"{worker}.log").open("ab") as log:
            self.processes[worker] = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                env={**kept, "BENCH_GROUP": self.group_id, "BENCH_TABLE": "1" if self.table else "0", **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _stop(self, worker: str) -> None:
        process = self.processes[worker]
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_WITHIN)

    def _ours(self, instance: str) -> dict[str, str]:
        return {
            "FRAMEWORK_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "FRAMEWORK_INSTANCE_ID": instance,
            "FRAMEWORK_DATADIR": str(self.folder / "data"),
            "FRAMEWORK_STORE": "rocksdb://" if self.table else "memory://",
        }


class _EachItsProcess(Contender):
    """Three independent processes; a restart is SIGTERM, wait, start."""

    @abstractmethod
    def start_one(self, worker: str) -> None:
        """Start one worker."""

    def start(self) -> None:
        for worker in WORKERS:
            self.start_one(worker)

    def roll(self, wait_for_output_of: Callable[[str, float], None]) -> None:
        for worker in WORKERS:
            self._stop(worker)
            since = time.monotonic()
            self.start_one(worker)
            wait_for_output_of(worker, since)
            time.sleep(1.0)


class PlainFaust(_EachItsProcess):
    """`faust worker`."""

    name = "plain Faust, process replaced"
    session = 45.0
    """Session timeout in seconds; the default of this framework."""
    is_static = True

    def start_one(self, worker: str) -> None:
        self._spawn(
            worker,
            ["faust", "-A", APP, "worker", "--without-web", "-l", "warn"],
            BENCH_PLAIN="1",
            BENCH_INSTANCE=worker,
            BENCH_SESSION=str(self.session),
            BENCH_STATIC="1" if self.is_static else "0",
            BENCH_BROKER=self.bootstrap_servers,
            BENCH_DATADIR=str(self.folder / worker),
        )


class Replaced(_EachItsProcess):
    """`framework run`, the whole process replaced."""

    name = "this framework, process replaced"

    def start_one(self, worker: str) -> None:
        self._spawn(worker, ["framework", "run", f"{APP}:app"], **self._ours(worker))


class Hup(Contender):
    """`framework run --workers 3`, SIGHUP."""

    name = "this framework, SIGHUP"

    def start(self) -> None:
        self._spawn("b", ["framework", "run", f"{APP}:app", "--workers", str(len(WORKERS))], **self._ours("b"))

    def roll(self, wait_for_output_of: Callable[[str, float], None]) -> None:
        before = time.monotonic()
        self.processes["b"].send_signal(signal.SIGHUP)
        for slot in range(len(WORKERS)):
            wait_for_output_of(f"b-{slot}", before)

    def supervisor(self) -> psutil.Process:
        """The parent of the workers."""
        return psutil.Process(self.processes["b"].pid)


def _kill_family(process: subprocess.Popen[bytes]) -> set[int]:
    """SIGKILL to all at once: a worker that lives a little longer says that it stops. Returns the process ids."""
    family = {process.pid}
    with suppress(psutil.NoSuchProcess):
        family |= {child.pid for child in psutil.Process(process.pid).children(recursive=True)}
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return family
