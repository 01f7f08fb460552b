"""An app whose loops take their records in each way that counts, watched by Faust's Prometheus sensor.

Each agent has a topic with its name; `twice` has two agents.
"""

from typing import Any

from faust.sensors.prometheus import setup_prometheus_sensors

from tests.broker.delivery.apps.base import app, source

setup_prometheus_sensors(app, pattern="/metrics/", name_prefix="p")
failed: set[int] = set()


@app.agent(source("by-hand"))
async def by_hand(stream: Any) -> None:
    async for event in stream.noack().events():
        await stream.ack(event)


@app.agent(source("lists"))
async def lists(stream: Any) -> None:
    async for _ in stream.take(4, within=0.2):
        pass


@app.agent(source("filtered"))
async def filtered(stream: Any) -> None:
    async for _ in stream.filter(lambda value: value["n"] % 2):
        pass


@app.agent(source("twice"))
async def first(stream: Any) -> None:
    async for _ in stream:
        pass


@app.agent(source("twice"))
async def second(stream: Any) -> None:
    async for _ in stream.events():
        pass


@app.agent(source("bad"))
async def bad(stream: Any) -> None:
    async for _ in stream:
        pass


@app.agent(source("failing"))
async def failing(stream: Any) -> None:
    """The fourth record fails at its first try."""
    async for value in stream:
        if value["n"] == 3 and 3 not in failed:
            failed.add(3)
            raise ValueError("the first try fails")


@app.agent(source("bodies"), concurrency=3)
async def bodies(stream: Any) -> None:
    async for _ in stream:
        pass
