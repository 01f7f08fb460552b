"""An agent that counts in a table and tells each count, for tests that kill it.

A record is `{"n": number}`, and may have `hold`: seconds to sleep in the body.
"""

import asyncio
from typing import Any

from tests.broker.delivery.apps.base import app, noted, source

counts = app.Table("counts", default=int, partitions=2)


@app.agent(source("exact"), name="exact")
async def exact(stream: Any) -> None:
    async for event in stream.events():
        partition = event.message.partition
        counts[partition] += 1
        noted("done", event, n=event.value["n"], count=counts[partition])
        await asyncio.sleep(event.value.get("hold", 0))
