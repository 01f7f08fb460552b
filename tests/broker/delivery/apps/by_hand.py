"""Agents that ack by hand, and leave some records unacked."""

from typing import Any

from tests.broker.delivery.apps.base import app, noted, source


@app.agent(source("noack-take"))
async def noack_take(stream: Any) -> None:
    """Acks all but the ninth record of each partition: the commit must stay before it."""
    async for batch in stream.noack_take(4, within=0.5):
        for event in batch:
            noted("noack-take", event, value=event.value)
            if event.message.offset != 8:
                event.ack()


@app.agent(source("noack"))
async def noack(stream: Any) -> None:
    """Acks the first six of each partition."""
    async for event in stream.noack().events():
        noted("noack", event, value=event.value)
        if event.message.offset < 6:
            await stream.ack(event)
