"""What needs workers that are up before the records come: latency, two workers beside one, and idleness."""

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.throughput_cases import OURS
from tests.benchmarks.throughput_contenders import (
    ContenderError,
    Place,
    Process,
    command,
    environment,
    result_in,
    running,
)
from tests.benchmarks.throughput_figures import Sample, percentile, together
from tests.benchmarks.throughput_input import Input, fill
from tests.benchmarks.throughput_load import load
from tests.benchmarks.throughput_making import PARTITIONS
from tests.support import topics

LATENCY_SECONDS = 5
SHORTEST = 2
READY_WITHIN = 60.0
SETTLE = 3.0
IDLE_SECONDS = 10.0
WORKERS_RECORDS = 240_000
SLOW = 0.1
"""Share of them without fast delivery."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from the producer's call to the loop's body, of half and of 99 % of the records."""

    p50: float
    p99: float


def measure_latency(contender: str, place: Place, rate: int, scale: float) -> Latency:
    """How long records take at a steady rate.

    Raises:
        ContenderError: it failed, or not all records came.
    """
    seconds = max(SHORTEST, int(LATENCY_SECONDS * scale))
    total = rate * seconds
    with _live(contender, place, "latency", total) as live:
        feeding = load(place.broker, live.topic, rate, seconds, live.folder)
        try:
            (found,) = live.results(1)
        finally:
            _end(feeding)
    return Latency(percentile(found["ms"], 0.5), percentile(found["ms"], 0.99))


def measure_workers(workers: int, place: Place, scale: float) -> Sample:
    """So many workers of this framework on one machine, each with its share of the partitions.

    Raises:
        ContenderError: they failed, or one did not get its share.
    """
    slowed = SLOW if place.settings else 1.0
    step = workers * PARTITIONS
    count = int(WORKERS_RECORDS * scale * slowed) // step * step
    with _live(OURS, place, "gated", count // workers, workers) as live:
        _await_fed(live, place, workers)
        time.sleep(SETTLE)
        # The workers have their partitions and wait at the first record.
        fill(place.broker, Input(count, PARTITIONS, 100, 1000), live.topic)
        (live.folder / "gate").touch()
        return together(live.results(workers))


def measure_idle(contender: str, place: Place) -> float:
    """Percent of a core that a worker with nothing to do takes.

    Raises:
        ContenderError: it failed.
    """
    with _live(contender, place, "latency", 1) as live:
        _await_fed(live, place, 1)
        time.sleep(SETTLE)
        process = psutil.Process(live.process.pid)
        before, begun = process.cpu_times(), time.monotonic()
        time.sleep(IDLE_SECONDS)
        after, seconds = process.cpu_times(), time.monotonic() - begun
    return 100 * (after.user + after.system - before.user - before.system) / seconds


@dataclass(frozen=True, slots=True)
class _Live:
    """A contender that is up: its process, its input, and where it writes."""

    process: Process
    topic: str
    folder: Path

    def results(self, workers: int) -> list[dict[str, Any]]:
        """What each of the workers has written in the end."""

        def look() -> list[dict[str, Any]]:
            found = [result for path in self.folder.glob("result-*") if (result := result_in(path))]
            return found if len(found) == workers else []

        return self.process.wait_for(look, "all records")


@contextmanager
def _live(contender: str, place: Place, agent: str, total: int, workers: int = 0) -> Iterator[_Live]:
    group = f"bench-{uuid.uuid4().hex[:8]}"
    topic, folder = f"{group}-in", place.folder / group
    topics.create_topics(place.broker, {topic: PARTITIONS})
    folder.mkdir()
    env = environment(
        contender,
        group,
        replace(place, folder=folder),
        BENCH_TOPIC=topic,
        BENCH_AGENT=agent,
        BENCH_TOTAL=str(total),
        BENCH_FOLDER=str(folder),
    )
    arguments = command(contender, "throughput_live", place)
    if workers:
        arguments = [sys.executable, "-m", "framework", "run", "tests.benchmarks.throughput_live:app"]
        arguments += ["--workers", str(workers)]
    with running(contender, arguments, env, folder / "log") as process:
        yield _Live(process, topic, folder)


def _await_fed(live: _Live, place: Place, workers: int) -> None:
    feeding = load(place.broker, live.topic, 1, 0, live.folder, workers)
    try:
        live.process.wait_for(lambda: feeding.poll() is not None, "being fed", READY_WITHIN)
    finally:
        _end(feeding)
    if feeding.returncode:
        raise ContenderError(f"{live.process.name}: was not fed")


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
