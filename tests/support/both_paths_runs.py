"""All features on both paths at once: one worker a path over the same inputs, and what each of them did."""

import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.both_paths import PATHS, Note, PathWorker, by_partition
from tests.support.both_paths_broker import BrokerSide, Position
from tests.support.both_paths_inputs import UNSETTLED, commit_out_of_range, feed, numbered

OUTPUTS = (
    *("sunk", "forwarded", "forwarded-other", "sent", "sent-other", "sent-all", "never", "echoed", "echoed-too"),
    *("one-by-pattern", "pause"),
    *(
        f"{feature}-copy"
        for feature in (
            *("str-key", "bytes-key", "raw", "no-types", "text", "int-key", "pickle", "binary", "record"),
            *("record-untyped", "schema", "nulls", "nulls-bytes", "nulls-allowed"),
            *("pickle-any", "binary-alone", "yaml"),
        )
    ),
)
"""Outputs that the app does not make itself."""

DONE_WITHIN = 45.0
QUIET_FOR = 1.5


@dataclass(frozen=True, slots=True)
class Run:
    """What one path did with all features."""

    path: str
    group_id: str
    notes: list[Note]
    pages: dict[str, Any]
    flow_pages: list[int]
    committed: dict[Position, int]
    exit_code: int
    log: str
    seconds: float

    def seen(self, feature: str) -> list[Note]:
        """Notes of a feature, each partition's in order."""
        return by_partition(note for note in self.notes if note["feature"] == feature)


@dataclass(frozen=True, slots=True)
class Both:
    """Both paths, and where to look for what came out."""

    fast: Run
    faust: Run
    broker: BrokerSide
    inputs: str

    def same(self, feature: str) -> list[Note]:
        """Make sure that both paths noted the same of a feature; returns that.

        Raises:
            AssertionError: they did not, or noted nothing.
        """
        fast, faust = self.fast.seen(feature), self.faust.seen(feature)
        assert fast == faust
        assert faust, f"nobody noted anything of {feature!r}"
        return faust

    def same_set(self, feature: str) -> list[Note]:
        """As `same`, where the order may differ."""
        fast, faust = (sorted(run.seen(feature), key=repr) for run in (self.fast, self.faust))
        assert fast == faust
        assert faust, f"nobody noted anything of {feature!r}"
        return faust

    def same_output(self, name: str) -> list[tuple[Any, ...]]:
        """Make sure that the same came out: (partition, key, value, headers, timestamp if it was given)."""
        fast, faust = (self._output(run, name) for run in (self.fast, self.faust))
        assert fast == faust
        return faust

    def same_set_of_output(self, name: str) -> list[tuple[Any, ...]]:
        """As `same_output`, where the order may differ."""
        fast, faust = (sorted(self._output(run, name), key=repr) for run in (self.fast, self.faust))
        assert fast == faust
        return faust

    def _output(self, run: Run, name: str) -> list[tuple[Any, ...]]:
        records = self.broker.read(f"{run.group_id}-{name}")
        now = time.time() * 1000 - 600_000
        return [
            (
                record.partition,
                record.key,
                record.value,
                tuple(record.headers),
                record.timestamp if record.timestamp < now else None,
            )
            for record in records
        ]

    def same_commits(self, *names: str) -> dict[Position, int]:
        """Make sure that the same was committed of some inputs: `{(short name, partition): offset}`."""
        fast, faust = (
            {
                (topic.removeprefix(f"{self.inputs}-"), partition): offset
                for (topic, partition), offset in run.committed.items()
                if topic.removeprefix(f"{self.inputs}-") in names
            }
            for run in (self.fast, self.faust)
        )
        assert fast == faust
        return faust


def run_both(broker: BrokerSide, folder: Path) -> Both:
    """Run all features on both paths; takes some fifteen seconds.

    Args:
        broker: where.
        folder: for the files of the workers.
    """
    unique = uuid.uuid4().hex[:6]
    inputs = f"features-{unique}"
    feed(broker, inputs)
    workers = [_start(broker, path, f"{path}-{unique}", inputs, folder) for path in PATHS]
    runs = {}
    try:
        finished = _watch(broker, workers, inputs)
        for worker in workers:
            runs[worker.path] = _finish(broker, worker, *finished[worker.path])
    finally:
        for worker in workers:
            worker.discard()
    return Both(runs["fast"], runs["faust"], broker, inputs)


def _start(broker: BrokerSide, path: str, group_id: str, inputs: str, folder: Path) -> PathWorker:
    broker.create(f"{group_id}-{name}" for name in OUTPUTS)
    broker.send({f"{group_id}-pause": numbered(1, partitions=1), f"{group_id}-one-by-pattern": numbered(1)})
    commit_out_of_range(broker, group_id, inputs)
    return PathWorker(
        "features", path, group_id=group_id, inputs=inputs, bootstrap_servers=broker.bootstrap_servers, folder=folder
    )


def _watch(broker: BrokerSide, workers: list[PathWorker], inputs: str) -> dict[str, tuple[list[int], float]]:
    """Wait until each has committed its inputs and notes nothing more: `{path: (pages meanwhile, seconds)}`."""
    begun = time.monotonic()
    flow_pages: dict[str, list[int]] = {worker.path: [] for worker in workers}
    quiet_since = {worker.path: begun for worker in workers}
    seconds: dict[str, float] = {}
    counts: dict[str, int] = {}
    while len(seconds) < len(workers) and time.monotonic() - begun < DONE_WITHIN:
        for worker in workers:
            with suppress(ConnectionError):
                flow_pages[worker.path].append(worker.page("/flow/")["flowed"])
            count = sum(note["feature"] not in ("timer", "crontab") for note in worker.notes())
            if count != counts.get(worker.path):
                counts[worker.path], quiet_since[worker.path] = count, time.monotonic()
            is_quiet = time.monotonic() - quiet_since[worker.path] > QUIET_FOR
            if worker.path not in seconds and is_quiet and count and _is_committed(broker, worker.group_id, inputs):
                seconds[worker.path] = time.monotonic() - begun
        time.sleep(0.2)
    return {worker.path: (flow_pages[worker.path], seconds.get(worker.path, -1.0)) for worker in workers}


def _is_committed(broker: BrokerSide, group_id: str, inputs: str) -> bool:
    committed = broker.committed(group_id)
    unsettled = {f"{inputs}-{name}" for name in UNSETTLED}
    topics = {f"{inputs}-flow", *(topic for topic, _ in committed if topic.startswith(f"{inputs}-"))} - unsettled
    return all(committed.get(tp, 0) >= end for tp, end in broker.ends(topics).items())


def _finish(broker: BrokerSide, worker: PathWorker, flow_pages: list[int], seconds: float) -> Run:
    pages: dict[str, Any] = {}
    for path in ("/monitor/", "/tables/"):
        with suppress(ConnectionError, ValueError):
            pages[path] = worker.page(path)
    exit_code = worker.stop() if worker.path == "fast" else worker.stop_or_kill()
    return Run(
        worker.path,
        worker.group_id,
        worker.notes(),
        pages,
        flow_pages,
        broker.committed(worker.group_id),
        exit_code,
        worker.log,
        seconds,
    )
