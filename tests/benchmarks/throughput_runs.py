"""One contender at one case: topics, process, result, and the check of what it left behind."""

import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.throughput_cases import Case, Flights
from tests.benchmarks.throughput_checks import WrongResultError, check
from tests.benchmarks.throughput_contenders import (
    ROOT,
    ContenderError,
    Place,
    Process,
    command,
    environment,
    result_in,
    running,
)
from tests.benchmarks.throughput_figures import Sample
from tests.benchmarks.throughput_input import Input, fill
from tests.support import topics

LATE = 0.3
"""Seconds after the last record in which one that comes twice would be seen."""


@dataclass(slots=True)
class Inputs:
    """The topics that are filled; each is, once."""

    broker: str
    filled: set[str] = field(default_factory=set)

    def topic(self, wanted: Input) -> str:
        """Name of a topic with that in it."""
        if wanted.topic not in self.filled:
            topics.create_topics(self.broker, {wanted.topic: wanted.partitions})
            fill(self.broker, wanted, wanted.topic)
            self.filled.add(wanted.topic)
        return wanted.topic


def measure(case: Case, contender: str, place: Place, inputs: Inputs, scale: float) -> Sample:
    """Let a contender do a case once.

    Raises:
        ContenderError: it failed, was too slow, or lost or repeated records.
    """
    count = case.count(contender, scale)
    topic = inputs.topic(Input(count, case.partitions, case.size, case.keys))
    group, result = _new_group(place, 8)
    env = environment(
        contender,
        group,
        place,
        BENCH_TOPIC=topic,
        BENCH_AGENT=case.does(),
        BENCH_TOTAL=str(int(count * case.share)),
        BENCH_LOOPS=str(case.loops),
        BENCH_RESULT=str(result),
        FRAMEWORK_STORE=case.store,
    )
    sample = _run(contender, command(contender, "throughput_app", place), env, result).shared(case.share)
    try:
        check(place.broker, case, contender, group, topic)
    except WrongResultError as error:
        raise ContenderError(f"{contender}: {error}") from error
    return sample


def measure_flights(case: Flights, contender: str, place: Place, inputs: Inputs, scale: float) -> Sample:
    """Let the flights app go through the file once.

    Raises:
        ContenderError: it failed, was too slow, or the totals differ from the file's.
    """
    count = case.count(contender, scale)
    topic = inputs.topic(Input(count, 8, 0, 0))
    group, result = _new_group(place, 0)
    env = environment(contender, group, place, BENCH_TOPIC=topic, BENCH_TOTAL=str(count), BENCH_RESULT=str(result))
    sample = _run(contender, command(contender, "throughput_flights", place), env, result)
    checked = subprocess.run(
        (sys.executable, "-m", "tests.benchmarks.throughput_flights_check"),
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60.0,
    )
    if checked.returncode:
        raise ContenderError(f"{contender}: {checked.stderr.strip()}")
    return sample


def _new_group(place: Place, outputs: int) -> tuple[str, Path]:
    group = f"bench-{uuid.uuid4().hex[:8]}"
    if outputs:
        topics.create_topics(place.broker, {f"{group}-out": outputs})
    return group, place.folder / f"{group}.json"


def _run(contender: str, arguments: list[str], env: dict[str, str], result: Path) -> Sample:
    with running(contender, arguments, env, result.with_suffix(".log")) as process:
        process.wait_for(lambda: result_in(result), "the last record")
        time.sleep(LATE)
    return _sample(process, result)


def _sample(process: Process, result: Path) -> Sample:
    found = result_in(result)
    assert found is not None
    if found["extra"]:
        raise ContenderError(f"{process.name}: {found['extra']:,} records came twice")
    return Sample.of(found["records"], found["ended"] - found["begun"], found["cpu"], found["rss_mb"])
