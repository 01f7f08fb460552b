"""Agents that stay at their first record, and a task that sends more than anybody takes.

BOTH_POUR  where set, records of a kilobyte are sent as fast as that goes
"""

import asyncio
import os
from typing import Any

from tests.broker.delivery.apps.base import app, noted, out, source

poured = 0


async def hold(stream: Any) -> None:
    async for event in stream.events():
        noted("held", event)
        await asyncio.sleep(600.0)


for name in ("heap-a", "heap-b"):
    app.agent(source(name, value_serializer="raw"), name=name)(hold)

if os.environ.get("BOTH_POUR"):

    @app.task
    async def pour() -> None:
        global poured
        topic, value = out("poured", value_serializer="raw"), b"x" * 1000
        while not app.should_stop:
            await topic.send(key=b"%d" % (poured % 100), value=value)
            poured += 1


@app.page("/poured/")
async def show(self: Any, request: Any) -> Any:
    return self.json({"poured": poured})
