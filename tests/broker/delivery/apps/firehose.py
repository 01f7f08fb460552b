"""More records than a worker can do, beside agents, timers and pages that must not wait for them.

BOTH_BUSY  how many agents read all of these records; default 1
"""

import asyncio
import os
import time
from typing import Any

from tests.broker.delivery.apps.base import app, note, noted, source

count = 0
holds: list[tuple[float, float]] = []


async def hose(stream: Any) -> None:
    """Some twenty microseconds a record."""
    global count
    async for _ in stream:
        until = time.perf_counter() + 20e-6
        while time.perf_counter() < until:
            pass
        count += 1


for number in range(int(os.environ.get("BOTH_BUSY", "1"))):
    app.agent(source("hose"), name=f"hose-{number}")(hose)


@app.agent(source("slow"))
async def slow(stream: Any) -> None:
    async for value in stream:
        await asyncio.sleep(0.05)
        noted("slow", n=value["n"])


@app.agent(source("quick"))
async def quick(stream: Any) -> None:
    async for event in stream.events():
        noted("quick", event, latency=time.time() - event.message.timestamp)


@app.timer(0.1)
async def tick() -> None:
    note("timer", at=time.monotonic(), count=count)


@app.task
async def watch() -> None:
    """How long anything but this task holds the event loop: on the clock, and in CPU time of the process."""
    while not app.should_stop:
        before, cpu_before = time.perf_counter(), time.process_time()
        await asyncio.sleep(0)
        if count:
            holds.append((time.perf_counter() - before, time.process_time() - cpu_before))
        await asyncio.sleep(0.003)


@app.page("/count/")
async def show_count(self: Any, request: Any) -> Any:
    return self.json({"count": count})


@app.page("/holds/")
async def show_holds(self: Any, request: Any) -> Any:
    """What `watch` has found, in seconds."""
    return self.json({"holds": holds})
