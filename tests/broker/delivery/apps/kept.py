"""Agents that keep a record for a while, and ack from threads."""

import asyncio
import time
from typing import Any

from tests.broker.delivery.apps.base import app, noted, source

HELD = 4
"""Offset of the record of each partition that two agents keep until they are told to let go."""

kept: list[Any] = []


@app.agent(source("in-threads"))
async def in_threads(stream: Any) -> None:
    """Acks each record in a thread of its own, all at once and so in any order."""
    async for event in stream.noack().events():
        noted("in-threads", event, value=event.value)
        if event.message.offset == HELD:
            kept.append(event)
        else:
            app.loop.run_in_executor(None, ack_later, event)


def ack_later(event: Any) -> None:
    """The later records of a partition are acked the sooner."""
    time.sleep(0.3 / (1 + event.message.offset))
    event.ack()


@app.agent(source("one-more"))
async def one_more(stream: Any) -> None:
    """Counts itself a second time as a user of one record, which is not finished when its body has ended."""
    async for event in stream.events():
        noted("one-more", event, value=event.value)
        if event.message.offset == HELD:
            event.message.incref()
            kept.append(event)


@app.agent(source("let-go"))
async def let_go(stream: Any) -> None:
    """Acks what is kept, in a thread."""
    async for _ in stream:
        for event in kept:
            await asyncio.to_thread(event.ack)
