"""An agent that sends on many records, and looks at none.

BOTH_PAUSE  seconds to sleep after each ten records; default 0
"""

import asyncio
import os
from typing import Any

from tests.broker.delivery.apps.base import app, out, source


@app.agent(source("bulk", value_serializer="raw"), name="bulk")
async def bulk(stream: Any) -> None:
    copies = out("bulk-copies", value_serializer="raw")
    pause, count = float(os.environ.get("BOTH_PAUSE", "0")), 0
    async for event in stream.events():
        await event.forward(copies)
        count += 1
        if pause and count % 10 == 0:
            await asyncio.sleep(pause)
