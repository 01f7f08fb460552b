"""Copies the numbers of its records to an output, without waiting for what is sent.

BOTH_PACE  after so many records the body sleeps for a millisecond; 0: it never does
"""

import asyncio
import os
from typing import Any

from tests.broker.delivery.apps.base import app, note, out, source

PACE = int(os.environ.get("BOTH_PACE", "0"))


@app.agent(source("numbers"), name="copy")
async def copy(stream: Any) -> None:
    copies, count = out("copies"), 0
    async for event in stream.events():
        await copies.send(value=event.value["n"], partition=event.message.partition)
        count += 1
        if PACE and not count % PACE:
            await asyncio.sleep(0.001)


@app.on_partitions_assigned.connect
async def on_assigned(_: object, assigned: Any, **kwargs: object) -> None:
    note("assigned", partitions=sorted(tp.partition for tp in assigned if tp.topic.endswith("-numbers")))
