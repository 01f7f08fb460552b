"""Topics that are subscribed to when the worker runs already: those of replies, and those of tasks."""

import asyncio
from typing import Any

from tests.broker.delivery.apps.base import GROUP, app, note, noted, source

# Faust waits 45 s before it subscribes to more topics in a running group. Not less than the 3 s after which it reads
# the topic of replies: it would never be told of them.
app.topics._resubscribe_sleep_lock_seconds = 3.5


@app.agent(app.topic(f"{GROUP}-doubler", internal=True, partitions=2))
async def doubler(stream: Any) -> Any:
    async for value in stream:
        yield value * 2


@app.agent(app.topic(f"{GROUP}-told", internal=True, partitions=2))
async def told(stream: Any) -> None:
    async for value in stream:
        note("told", value=value)


@app.agent(app.topic(f"{GROUP}-answers", internal=True, partitions=2))
async def answers(stream: Any) -> None:
    async for value in stream:
        note("answers", key=value.key, value=value.value)


questions: asyncio.Queue[int] = asyncio.Queue()


@app.agent(source("ask"))
async def ask(stream: Any) -> None:
    """Asks in a task: a body would hold up the very rebalance that brings the topic of the answers."""
    async for value in stream:
        questions.put_nowait(value["n"])


@app.task
async def ask_in_turn() -> None:
    while not app.should_stop:
        number = await questions.get()
        note(
            "ask",
            number=number,
            ask=await doubler.ask(number),
            map=sorted([answer async for answer in doubler.map([number, number + 1])]),
            join=await doubler.join([number, 7]),
            kvjoin=sorted(await doubler.kvjoin([(b"a", number), (b"b", 8)])),
        )
        await told.cast(number)
        await told.send(value=number + 100)
        await doubler.send(value=number, reply_to=f"{GROUP}-answers")


@app.task
async def over_a_topic() -> None:
    """Goes over a topic outside any agent; there are no acks, so that the commit says nothing here."""
    async for event in source("bare-topic"):
        note("bare-topic", partition=event.message.partition, offset=event.message.offset, value=event.value)
        event.ack()


@app.task
async def over_a_stream() -> None:
    async for value in app.stream(source("task-stream")):
        noted("task-stream", value=value)
