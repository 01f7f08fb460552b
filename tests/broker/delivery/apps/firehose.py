"""More records than a worker can do, beside agents, timers and pages that must not wait for them."""

import asyncio
import time
from typing import Any

from tests.broker.delivery.apps.base import app, note, noted, source

count = 0
longest_hold = 0.0


@app.agent(source("hose"))
async def hose(stream: Any) -> None:
    """Some twenty microseconds a record."""
    global count
    async for _ in stream:
        until = time.perf_counter() + 20e-6
        while time.perf_counter() < until:
            pass
        count += 1


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
    note("timer", at=time.monotonic(), count=count, longest_hold=longest_hold)


@app.task
async def watch() -> None:
    """How long anything but this task holds the event loop."""
    global longest_hold
    while not app.should_stop:
        before = time.perf_counter()
        await asyncio.sleep(0)
        if count:
            longest_hold = max(longest_hold, time.perf_counter() - before)
        await asyncio.sleep(0.003)


@app.page("/count/")
async def show_count(self: Any, request: Any) -> Any:
    return self.json({"count": count})
