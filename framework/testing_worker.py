"""Workers as real processes, for tests; knows nothing of pytest."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path


class WorkerProcess:
    """A worker as a process of its own, with its output in a file."""

    def __init__(self, command: list[str], environment: Mapping[str, str], folder: Path, log: Path) -> None:
        """Start it in `folder`; it leads a session of its own, so that its children can be reached with it."""
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id of what was started: the supervisor under `run`, the worker itself under `worker`."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def send(self, signum: signal.Signals) -> None:
        """Send a signal to the process, not to its children."""
        self._process.send_signal(signum)

    def terminate(self) -> None:
        """Ask it to stop (SIGTERM)."""
        self.send(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it and its children (SIGKILL)."""
        self._send_all(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze it and its children (SIGSTOP)."""
        self._send_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen one go on (SIGCONT)."""
        self._send_all(signal.SIGCONT)

    def wait(self, within: float = 30.0) -> int:
        """Wait for its end and return the exit code, negative for a signal.

        Raises:
            AssertionError: it still runs after `within` seconds; the message has the end of its output.
        """
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"process {self.pid} still runs after {within} s:\n{self.output()[-4000:]}") from None

    def output(self) -> str:
        """All it has written so far, standard output and error together."""
        return self.log.read_text(errors="replace")

    def _send_all(self, signum: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signum)


@dataclass(slots=True)
class WorkerFactory:
    """What `worker` gives: call it to start a worker.

    Attributes:
        bootstrap_servers: tells where the broker is; only called when the environment does not say.
        root: folder to start workers in, so that modules of the project can be imported.
        folder: for output and tables.
    """

    bootstrap_servers: Callable[[], str]
    root: Path
    folder: Path
    started: list[WorkerProcess] = field(default_factory=list)

    def __call__(
        self, target: str, *arguments: str, command: str = "worker", environment: Mapping[str, str] | None = None
    ) -> WorkerProcess:
        """Start `framework COMMAND TARGET ARGUMENTS`.

        Args:
            target: `MODULE:APP`.
            arguments: options of the command, as `"--workers", "3"`.
            command: `worker` for one process, `run` for a supervisor with its workers.
            environment: `{name: value}` on top of the tests' own, of which no `FRAMEWORK_` setting is taken over.
        """
        number = len(self.started)
        given = dict(environment or {})
        if "FRAMEWORK_BOOTSTRAP_SERVERS" not in given:
            given["FRAMEWORK_BOOTSTRAP_SERVERS"] = self.bootstrap_servers()
        given.setdefault("FRAMEWORK_DATADIR", str(self.folder / "data"))
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FRAMEWORK_")}
        process = WorkerProcess(
            [sys.executable, "-m", "framework", command, target, *arguments],
            {"PYTHONUNBUFFERED": "1", **inherited, **given},
            self.root,
            self.folder / f"worker-{number}.log",
        )
        self.started.append(process)
        return process

    def stop_all(self) -> None:
        """Kill what still runs."""
        for process in self.started:
            process.kill()
            process.wait(10.0)
