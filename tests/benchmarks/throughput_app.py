"""The app of the throughput benchmark, the same agents for plain Faust and for this framework; one agent a run.

BENCH_GROUP   id of the app; the output is `<group>-out`
BENCH_TOPIC   input
BENCH_AGENT   which agent to run
BENCH_TOTAL   records that its loop is to see; BENCH_LOOPS loops see them all
BENCH_RESULT  file for the result
"""

import os
from collections.abc import AsyncIterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import faust

from tests.benchmarks.throughput_making import PARTITIONS, make_app
from tests.benchmarks.throughput_meter import Meter

ROUNDS = 15
"""Of SHA-256 in the body that has work to do: five or six microseconds."""

TEXT = b"t" * 64

GROUP = os.environ["BENCH_GROUP"]
AGENT = os.environ["BENCH_AGENT"]

Stream = AsyncIterable[Any]


class Reading(faust.Record):
    """The input as a model."""

    k: str
    n: int
    text: str


meter = Meter(Path(os.environ["BENCH_RESULT"]), int(os.environ["BENCH_TOTAL"]), int(os.environ.get("BENCH_LOOPS", "1")))
app = make_app(GROUP)
value_type = Reading if AGENT == "record" else None
source = app.topic(os.environ["BENCH_TOPIC"], value_type=value_type)
copies = app.topic(f"{GROUP}-out")
totals = app.Table("totals", default=int, partitions=PARTITIONS) if AGENT == "table" else None


async def consume(stream: Stream) -> None:
    """Do nothing with each value."""
    seen, mark = 0, meter.first
    async for _value in stream:
        seen += 1
        if seen == mark:
            mark = meter.reached(seen)


async def events(stream: Any) -> None:
    """Do nothing with each event."""
    await consume(stream.events())


async def passing(stream: Any) -> None:
    """Do nothing with every second row of values."""
    await consume(stream.filter(lambda value: value["n"] // PARTITIONS % 2 == 0))


async def body(stream: Stream) -> None:
    """Have something to compute."""
    seen, mark = 0, meter.first
    async for _value in stream:
        for _ in range(ROUNDS):
            sha256(TEXT).digest()
        seen += 1
        if seen == mark:
            mark = meter.reached(seen)


async def echo(stream: Stream) -> Any:
    """Yield each value to a sink, which counts."""
    async for value in stream:
        yield value


async def forward(stream: Any) -> None:
    """Send each record on."""
    seen, mark = 0, meter.first
    async for event in stream.events():
        await copies.send(key=event.key, value=event.value)
        seen += 1
        if seen == mark:
            mark = meter.reached(seen)


async def table(stream: Stream) -> None:
    """Count by key."""
    assert totals is not None
    seen, mark = 0, meter.first
    async for value in stream:
        totals[value["k"]] += 1
        seen += 1
        if seen == mark:
            mark = meter.reached(seen)


class Sink:
    """Counts what an agent yields."""

    def __init__(self) -> None:
        self.seen, self.mark = 0, meter.first

    def __call__(self, _value: Any) -> None:
        self.seen += 1
        if self.seen == self.mark:
            self.mark = meter.reached(self.seen)


AGENTS = {
    "consume": (consume,),
    "record": (consume,),
    "events": (events,),
    "body": (body,),
    "filter": (passing,),
    "two-agents": (consume, events),
    "forward": (forward,),
    "table": (table,),
}

for agent in AGENTS.get(AGENT, ()):
    app.agent(source, name=agent.__name__)(agent)
if AGENT == "sink":
    app.agent(source, name="echo", sink=[Sink()])(echo)
