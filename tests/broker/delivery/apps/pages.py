"""An agent, and a page that answers after a long time."""

import asyncio
from typing import Any

from tests.broker.delivery.apps.base import app, note, noted, source


@app.agent(source("pages"), name="pages")
async def pages(stream: Any) -> None:
    async for _ in stream:
        noted("pages")


@app.page("/slow/")
async def slow(web: Any, request: Any) -> Any:
    note("asked")
    await asyncio.sleep(3600)
    return web.json({})
