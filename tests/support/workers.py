"""Workers as operating system processes: started, stopped and killed for real, and watched until they are gone."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from framework.testing import eventually
from tests.support.command import FRAMEWORK, ROOT
from tests.support.events import Event, events_in
from tests.support.probes import Health, ask

TARGET = "tests.support.scenario_app:app"
UNSTABLE_HOST = ROOT / "tests" / "support" / "unstable_host"
NAMED_HOST = ROOT / "tests" / "support" / "named_host"


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: its exit code (negative: by that signal) and the seconds from the request to the end."""

    code: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Note:
    """One line that the app under test wrote: what happened, where, when (monotonic seconds)."""

    kind: str
    pid: int
    at: float
    partitions: tuple[tuple[str, int], ...] = ()
    uuid: str = ""


class WorkerProcess:
    """One incarnation of a worker: `framework run` with its children.

    Args:
        label: what the test calls it; also the stem of its files.
        environment: the whole environment of the process.
        folder: for its log and notes; incarnations of one label append to the same files.
    """

    def __init__(self, label: str, environment: Mapping[str, str], folder: Path) -> None:
        self.label = label
        self.log_file = folder / f"{label}.log"
        self.notes_file = folder / f"{label}.notes"
        self.started = time.monotonic()
        self._asked: float | None = None
        self._family: set[psutil.Process] = set()
        with self.log_file.open("ab") as log:
            self._log_begins = log.tell()
            self._process = subprocess.Popen(
                (*FRAMEWORK, "run", TARGET),
                cwd=ROOT,
                env={**environment, "SCENARIO_WORKER": label, "SCENARIO_NOTES": str(self.notes_file)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id of the supervisor."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the supervisor runs."""
        return self._process.poll() is None

    def family(self) -> set[psutil.Process]:
        """The supervisor and everything that it ever started and that still runs."""
        with suppress(psutil.NoSuchProcess):
            supervisor = psutil.Process(self.pid)
            self._family |= {supervisor, *supervisor.children(recursive=True)}
        return self._left()

    def pids(self) -> set[int]:
        """Process ids of the supervisor and of all its descendants that were ever seen, dead or alive."""
        self.family()
        return {process.pid for process in self._family}

    def send(self, signum: signal.Signals) -> None:
        """Send a signal to the supervisor."""
        self.family()
        self._asked = self._asked or time.monotonic()
        self._process.send_signal(signum)

    def wait(self, within: float) -> Exit:
        """Wait for the end of the supervisor and of its children.

        Args:
            within: seconds from the first signal, or from now where none was sent.

        Raises:
            AssertionError: some of them are alive after that.
        """
        asked = self._asked or time.monotonic()
        self.family()  # remember the children, they can outlive their parent
        while (left := self._left()) and time.monotonic() - asked < within:
            time.sleep(0.02)
        assert not left, f"{self.label}: alive {within:.1f} s after its end was asked for: {sorted(map(str, left))}"
        return Exit(self._process.wait(timeout=1.0), time.monotonic() - asked)

    def terminate(self, within: float) -> Exit:
        """SIGTERM, then wait for the end."""
        self.send(signal.SIGTERM)
        return self.wait(within)

    def kill(self) -> Exit:
        """SIGKILL the supervisor and all its children, in one go."""
        family = self.family()
        self._asked = time.monotonic()
        self._process.kill()
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        return self.wait(within=5.0)

    def freeze(self) -> None:
        """SIGSTOP the supervisor and all its children."""
        self._send_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT them."""
        self._send_all(signal.SIGCONT)

    def notes(self) -> list[Note]:
        """What the app of this label noted, over all incarnations."""
        if not self.notes_file.exists():
            return []
        lines = (json.loads(line) for line in self.notes_file.read_text().splitlines())
        return [
            Note(
                line["kind"],
                line["pid"],
                line["at"],
                tuple((topic, partition) for topic, partition in line.get("partitions", ())),
                line.get("uuid", ""),
            )
            for line in lines
        ]

    def log(self) -> str:
        """The log of this label, over all incarnations."""
        return self.log_file.read_text(errors="replace")

    def events(self, name: str) -> list[Event]:
        """The log lines with this event, of this incarnation; a line that is still being written is left out."""
        with self.log_file.open("rb") as log:
            log.seek(self._log_begins)
            return [event for event in events_in(log.read()) if event["event"] == name]

    def url(self, within: float = 10.0) -> str:
        """Where the supervisor serves its probes; waits until it says so."""
        return str(eventually(lambda: self.events("supervisor.serving"), within=within)[-1]["url"])

    def health(self) -> Health:
        """What the supervisor answers now when it is asked for everything at once.

        Raises:
            ConnectionError: it does not.
        """
        return ask(self.url(), "/health")

    def state(self) -> str | None:
        """What its only worker does now."""
        return self._status()["state"]

    def worker_pid(self) -> int | None:
        """Process id of its only worker; None while there is none."""
        return self._status()["pid"]

    def kill_worker(self, within: float = 10.0) -> int:
        """SIGKILL its only worker as soon as there is one, and leave the supervisor alone; returns its process id."""
        pid = eventually(self.worker_pid, within=within)
        for process in self.family():
            if process.pid == pid:
                process.kill()
        return pid

    def shadowing(self) -> Mapping[str, Any]:
        """What its only worker shadows, and how well; empty where it shadows nothing."""
        return self._status()["shadowing"] or {}

    def client_id(self) -> str:
        """What its only worker calls itself."""
        return str(self._status()["client_id"])

    def fence(self) -> Mapping[str, Any]:
        """Why its only worker does not get its seat; empty where it has it."""
        return self._status()["fence"] or {}

    def _status(self) -> Mapping[str, Any]:
        return ask(self.url(), "/status").only_worker

    def _send_all(self, signum: signal.Signals) -> None:
        for process in self.family():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signum)

    def _left(self) -> set[psutil.Process]:
        self._process.poll()  # reap it, a zombie has no place in the count
        return {process for process in self._family if _is_running(process)}


def clean_environment() -> dict[str, str]:
    """The environment of the tests without anything that would configure a worker."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FRAMEWORK_", "SCENARIO_"))}
    return {**kept, "PYTHONUNBUFFERED": "1"}


def dynamic(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a worker made one that finds no stable instance id and may do without."""
    without_id = {name: value for name, value in environment.items() if name != "FRAMEWORK_INSTANCE_ID"}
    path = os.pathsep.join(filter(None, (str(UNSTABLE_HOST), environment.get("PYTHONPATH"))))
    return {**without_id, "FRAMEWORK_ALLOW_DYNAMIC": "true", "PYTHONPATH": path}


def on_host(name: str) -> dict[str, str]:
    """What to add to a worker's environment so that its machine has another name."""
    path = os.pathsep.join(filter(None, (str(NAMED_HOST), os.environ.get("PYTHONPATH"))))
    return {"SCENARIO_HOST": name, "PYTHONPATH": path}


def _is_running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
