"""The agent of `gaps`, and one beside it that must go on whatever happens to the other's topic."""

from typing import Any

from tests.broker.delivery.apps import gaps
from tests.broker.delivery.apps.base import app, noted, source

__all__ = ["app", "gaps"]

EVERY = 100
next_offsets: dict[int, int] = {}


@app.agent(source("beside", value_serializer="raw"))
async def beside(stream: Any) -> None:
    """Notes one record in a hundred, and each that is not the one behind the last."""
    async for event in stream.events():
        partition, offset = event.message.partition, event.message.offset
        if next_offsets.get(partition) != offset or offset % EVERY == 0:
            noted("beside", event, is_next=next_offsets.get(partition) == offset)
        next_offsets[partition] = offset + 1
