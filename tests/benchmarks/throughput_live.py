"""The app for what needs a worker that is up before the records come: latency, several workers, idleness.

BENCH_GROUP   id of the app
BENCH_TOPIC   input; its records are those of `throughput_load`, or begin with some whose `t` is 0, which say nothing
BENCH_AGENT   "latency": notes how long each record took; "gated": counts, beginning when the gate is open
BENCH_TOTAL   records that one process is to see
BENCH_FOLDER  for the results: `ready-<pid>` at the first record, `result-<pid>` at the last
"""

import asyncio
import os
import time
from collections.abc import AsyncIterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.benchmarks.throughput_making import make_app
from tests.benchmarks.throughput_meter import Meter, resident_mb, write_json

TOTAL = int(os.environ["BENCH_TOTAL"])
FOLDER = Path(os.environ["BENCH_FOLDER"])
LOOK_EVERY = 0.02
ROUNDS = 100
"""SHA-256 for each record, some 30 microseconds."""

TEXT = b"x" * 64

Stream = AsyncIterable[Any]

app = make_app(os.environ["BENCH_GROUP"])
source = app.topic(os.environ["BENCH_TOPIC"])


def say_ready() -> None:
    """Tell that this process is fed; more than one may tell it."""
    ready = FOLDER / f"ready-{os.getpid()}"
    if not ready.exists():
        ready.touch()


async def latency(stream: Stream) -> None:
    """Note how long ago each record was handed to its producer."""
    took: list[int] = []
    now = time.monotonic_ns
    async for value in stream:
        if sent := value["t"]:
            took.append(now() - sent)
            if len(took) == TOTAL:
                write_json(FOLDER / f"result-{os.getpid()}", {"ms": [t / 1e6 for t in took], "rss_mb": resident_mb()})
        else:
            say_ready()


async def gated(stream: Stream) -> None:
    """Do some work for each value, but wait at the first one until the gate is open.

    Without work one worker and the broker would have both cores of a small machine to themselves already.
    """
    meter = Meter(FOLDER / f"result-{os.getpid()}", TOTAL)
    seen, mark = 0, meter.first
    async for value in stream:
        if not value["t"]:
            say_ready()
            continue
        seen += 1
        if seen == mark:
            while not (FOLDER / "gate").exists():
                await asyncio.sleep(LOOK_EVERY)
            mark = meter.reached(seen)
        for _ in range(ROUNDS):
            sha256(TEXT).digest()


chosen = {"latency": latency, "gated": gated}[os.environ["BENCH_AGENT"]]
app.agent(source, name=chosen.__name__)(chosen)
