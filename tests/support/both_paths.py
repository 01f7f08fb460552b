"""One app on both paths of delivery: the fast one and Faust's own; starts workers, reads what they noted."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from framework.localkafka.ports import free_ports, is_free
from framework.testing import eventually
from framework.testing_worker import WorkerProcess
from tests.support.command import FRAMEWORK, ROOT
from tests.support.probes import Health, ask
from tests.support.workers import clean_environment

PATHS = ("fast", "faust")
APPS = "tests.broker.delivery.apps"

Note = Mapping[str, Any]
"""What an agent wrote down: `{field: value}`, the feature under `feature`."""


class PathWorker:
    """A worker of one app on one path, without a supervisor.

    Args:
        app: module under `tests/broker/delivery/apps` whose `app` it is.
        path: one of `PATHS`.
        group_id: id of the app; its outputs are `<group_id>-<name>`.
        inputs: first part of the names of its inputs, which several groups may share.
        bootstrap_servers: where the brokers are.
        folder: for its log, its notes and its tables.
        label: stem of its files.
        seat: its instance id; default: the label.
        command: `worker`, or `run` for one with a supervisor.
        environment: further variables.
    """

    def __init__(
        self,
        app: str,
        path: str,
        *,
        group_id: str,
        inputs: str,
        bootstrap_servers: str,
        folder: Path,
        label: str = "w",
        seat: str = "",
        command: str = "worker",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.group_id = group_id
        self.path = path
        self.label = label
        self._notes_file = folder / f"{group_id}.{label}.notes"
        self._port = _port_with_next()
        self.process = WorkerProcess(
            [*FRAMEWORK, command, f"{APPS}.{app}:app"],
            {
                **clean_environment(),
                "FRAMEWORK_BOOTSTRAP_SERVERS": bootstrap_servers,
                "FRAMEWORK_DATADIR": str(folder / f"{group_id}.data"),
                "FRAMEWORK_FAST_DELIVERY": "true" if path == "fast" else "false",
                "FRAMEWORK_INSTANCE_ID": seat or label,
                "FRAMEWORK_HTTP_PORT": str(self._port),
                "FRAMEWORK_TOPIC_PARTITIONS": "2",
                "FRAMEWORK_STORE": "memory://",
                "BOTH_GROUP": group_id,
                "BOTH_INPUTS": inputs,
                "BOTH_LABEL": label,
                "BOTH_NOTES": str(self._notes_file),
                **(environment or {}),
            },
            ROOT,
            folder / f"{group_id}.{label}.log",
        )

    # --- what it did --------------------------------------------------------------------------------------------------

    def notes(self, *features: str) -> list[Note]:
        """What its agents wrote down so far, in order; a line that is still being written is left out."""
        if not self._notes_file.exists():
            return []
        lines = self._notes_file.read_text().split("\n")[:-1]
        notes = [json.loads(line) for line in lines]
        return [note for note in notes if not features or note["feature"] in features]

    def noted(self, feature: str, at_least: int, within: float = 20.0) -> list[Note]:
        """Wait until there are so many notes of a feature.

        Raises:
            AssertionError: there are not; the message has the end of the worker's log.
        """
        with self.log_on_failure():
            eventually(lambda: len(self.notes(feature)) >= at_least, within=within)
        return self.notes(feature)

    @property
    def log(self) -> str:
        """All it has printed."""
        return self.process.output()

    def events(self, name: str) -> list[Mapping[str, Any]]:
        """The lines of its log that are of one kind, as far as they are complete."""
        lines = (line for line in self.log.split("\n")[:-1] if line.startswith("{"))
        return [found for line in lines if (found := json.loads(line)).get("event") == name]

    def out_of_range(self) -> list[tuple[str, int, int, str]]:
        """What it has said of positions that a log does not have: topic, partition, offset, where it goes on."""
        found = self.events("delivery.out_of_range")
        return [(line["topic"], line["partition"], line["offset"], line["goes_on_at"]) for line in found]

    def log_on_failure(self) -> "_LogOnFailure":
        """Add the end of its log to whatever is raised inside."""
        return _LogOnFailure(self)

    # --- asking it ----------------------------------------------------------------------------------------------------

    def page(self, path: str) -> Mapping[str, Any]:
        """What the app answers to a GET.

        Raises:
            ConnectionError: nobody answers.
        """
        return ask(self.page_url(""), path).body

    def page_url(self, path: str) -> str:
        """Where a page of the app is."""
        return f"http://127.0.0.1:{self._port + 1}{path}"

    def probe(self, path: str) -> Health:
        """What its supervisor answers; it must have one.

        Raises:
            ConnectionError: nobody answers.
        """
        return ask(f"http://127.0.0.1:{self._port}", path)

    # --- ending it ----------------------------------------------------------------------------------------------------

    def stop(self, within: float = 15.0) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(within)

    def stop_or_kill(self, within: float = 15.0) -> int:
        """SIGTERM, and SIGKILL if that does not end it: on Faust's own path a record may be waited for for ever."""
        try:
            return self.stop(within)
        except AssertionError:
            self.kill()
            return -9

    def kill(self) -> None:
        """SIGKILL, children included."""
        self.process.kill()
        self.process.wait(5.0)

    def discard(self) -> None:
        """Make sure that nothing of it is left."""
        with suppress(AssertionError):
            self.kill()


class _LogOnFailure:
    """Adds the end of a worker's log to what is raised inside."""

    def __init__(self, worker: PathWorker) -> None:
        self._worker = worker

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            error.add_note(f"--- {self._worker.group_id} ---\n{self._worker.log[-6000:]}")


class Starter:
    """Starts workers whose group and inputs are named after one test.

    Args:
        prefix: that name.
        bootstrap_servers: where the brokers are.
        folder: for the files of the workers.
        shown: their processes are appended, for a report.
    """

    def __init__(
        self, prefix: str, bootstrap_servers: str, folder: Path, shown: list[WorkerProcess] | None = None
    ) -> None:
        self.prefix = prefix
        self.started: list[PathWorker] = []
        self._shown = shown
        self._where = {"bootstrap_servers": bootstrap_servers, "folder": folder}

    def __call__(self, app: str, path: str, **options: Any) -> PathWorker:
        """Start one; takes what `PathWorker` takes."""
        worker = PathWorker(app, path, **{"group_id": self.prefix, "inputs": self.prefix, **self._where, **options})
        self.started.append(worker)
        if self._shown is not None:
            self._shown.append(worker.process)
        return worker

    def discard(self) -> None:
        """End what it has started."""
        for worker in self.started:
            worker.discard()


def by_partition(notes: Iterable[Note]) -> list[Note]:
    """Notes with those of one partition together, each partition's in the order in which they were written."""
    return sorted(notes, key=lambda note: (note.get("topic", ""), note.get("partition", -1)))


def _port_with_next() -> int:
    """A free port whose next one is free too: the supervisor's, and that of its worker's pages."""
    while True:
        (port,) = free_ports(1)
        if is_free(port + 1):
            return port
