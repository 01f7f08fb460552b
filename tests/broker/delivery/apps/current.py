"""The current event wherever the body of an agent may ask for it."""

import asyncio
from contextvars import copy_context
from typing import Any

from faust import current_event
from faust.agents import current_agent

from tests.broker.delivery.apps.base import app, note, source

tasks: set[Any] = set()


def offset_now() -> int | None:
    """Offset of the current event; None where there is none."""
    event = current_event()
    return None if event is None else event.message.offset


async def awaited(wait: float = 0.0) -> int | None:
    await asyncio.sleep(wait)
    return offset_now()


async def later(partition: int, offset: int, keep: Any) -> None:
    """A child task that is still there when the body has gone on; it keeps its event alive as the body did."""
    await asyncio.sleep(0.02)
    note("current-later", partition=partition, offset=offset, child=offset_now(), same=current_event() is keep)


@app.agent(source("current"))
async def current(stream: Any) -> None:
    async for event in stream.events():
        message = event.message
        called: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(lambda called=called: called.set_result(offset_now()))
        child = asyncio.create_task(later(message.partition, message.offset, event))
        tasks.add(child)
        child.add_done_callback(tasks.discard)
        note(
            "current",
            partition=message.partition,
            offset=message.offset,
            body=offset_now(),
            awaited=await awaited(),
            slow=await awaited(0.001),
            child=await asyncio.create_task(awaited()),
            gathered=list(await asyncio.gather(awaited(), awaited(0.001))),
            called=await called,
            thread=await asyncio.to_thread(offset_now),
            context=copy_context().run(offset_now),
            agent=current_agent().name.rpartition(".")[2],
            after=offset_now(),
        )


@app.agent(source("current-values"), concurrency=3)
async def current_values(stream: Any) -> None:
    """The same without `events()`, in three tasks beside each other, where nobody but Faust holds the event."""
    async for value in stream:
        seen = [offset_now(), await awaited(0.001), await asyncio.create_task(awaited(0.001)), offset_now()]
        note("current-values", offset=value["offset"], seen=seen)
