"""An agent that reads slowly enough for the topic to change under it."""

import asyncio
from typing import Any

from tests.broker.delivery.apps.base import app, noted, source


@app.agent(source("gaps", value_serializer="raw"))
async def gaps(stream: Any) -> None:
    async for event in stream.events():
        noted("gaps", event, value=event.value[:20])
        if event.value.startswith(b"hold"):
            await asyncio.sleep(5.0)
