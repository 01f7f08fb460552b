"""An agent on a topic with records that do not decode, and nobody who handles that."""

from typing import Any

from tests.broker.delivery.apps.base import app, noted, source


@app.agent(source("throwing"))
async def throwing(stream: Any) -> None:
    async for value in stream:
        noted("throwing", value=value)
