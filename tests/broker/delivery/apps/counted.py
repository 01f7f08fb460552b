"""One table that counts the records of each key."""

from typing import Any

from tests.broker.delivery.apps.base import app, source

counts = app.Table("counts", default=int)


@app.agent(source("numbers"))
async def count(stream: Any) -> None:
    """Counts."""
    async for event in stream.events():
        counts[event.key.decode()] += 1


@app.page("/counts/")
async def page(web: Any, request: Any) -> Any:
    """What there is of the partitions that this worker owns."""
    return web.json(dict(counts.items()))
