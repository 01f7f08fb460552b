"""One table in which two agents count the records of each key."""

from typing import Any

from tests.broker.delivery.apps.base import app, source

counts = app.Table("counts", default=int)


@app.agent(source("numbers"))
async def count(stream: Any) -> None:
    """Counts."""
    async for event in stream.events():
        counts[event.key.decode()] += 1


@app.agent(source("more"))
async def count_more(stream: Any) -> None:
    """Counts in the same table."""
    async for event in stream.events():
        counts[event.key.decode()] += 1


@app.page("/counts/")
async def page(web: Any, request: Any) -> Any:
    """What there is of the partitions that this worker owns."""
    return web.json(dict(counts.items()))
