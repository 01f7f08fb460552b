"""Agents that go over their stream in each way there is."""

import asyncio
from typing import Any

import faust
from faust import current_event

from tests.broker.delivery.apps.base import app, note, noted, plain, short, source


@app.agent(source("values"))
async def values(stream: Any) -> None:
    async for value in stream:
        noted("values", value=value)


@app.agent(source("events"))
async def events(stream: Any) -> None:
    async for event in stream.events():
        message = event.message
        assert current_event() is event
        assert stream.current_event is event
        note(
            "events",
            topic=short(message.topic),
            partition=message.partition,
            offset=message.offset,
            timestamp=message.timestamp,
            timestamp_type=message.timestamp_type,
            key=event.key,
            value=event.value,
            raw_key=message.key,
            raw_value=message.value,
            headers={name: plain(value) for name, value in event.headers.items()},
            raw_headers=[[name, plain(value)] for name, value in message.headers],
            sizes=[message.serialized_key_size, message.serialized_value_size],
            tp=[short(message.tp.topic), message.tp.partition],
            stands_for=[isinstance(event, faust.Event), event.app is app, message.acked],
        )


@app.agent(source("items"))
async def items(stream: Any) -> None:
    async for key, value in stream.items():
        noted("items", key=key, value=value)


@app.agent(source("enumerate"))
async def enumerates(stream: Any) -> None:
    async for number, value in stream.enumerate(start=100):
        noted("enumerate", number=number, value=value)


@app.agent(source("take"))
async def take(stream: Any) -> None:
    async for batch in stream.take(4, within=1.0):
        note("take", values=list(batch))


@app.agent(source("take-events"))
async def take_events(stream: Any) -> None:
    async for batch in stream.take_events(4, within=1.0):
        note("take-events", offsets=[event.message.offset for event in batch])


@app.agent(source("take-timestamp"))
async def take_with_timestamp(stream: Any) -> None:
    async for batch in stream.take_with_timestamp(4, within=1.0, timestamp_field_name="at"):
        note("take-timestamp", values=list(batch))


@app.agent(source("filter"))
async def filters(stream: Any) -> None:
    async for value in stream.filter(lambda value: value["n"] % 3 == 0):
        noted("filter", value=value)


@app.agent(source("processors"))
async def processors(stream: Any) -> None:
    async def add_later(value: Any) -> Any:
        await asyncio.sleep(0)
        return {**value, "partition": current_event().message.partition}

    stream.add_processor(lambda value: {**value, "twice": value["n"] * 2})
    stream.add_processor(add_later)
    async for value in stream.filter(lambda value: value["twice"] != 4):
        noted("processors", value=value)


@app.agent(source("concurrency"), concurrency=4)
async def concurrency(stream: Any) -> None:
    async for event in stream.events():
        await asyncio.sleep(0.001 * (event.message.offset % 5))
        assert current_event() is event
        noted("concurrency", event, value=event.value)


@app.agent(source("isolated"), isolated_partitions=True)
async def isolated(stream: Any) -> None:
    async for value in stream:
        assert [tp.partition for tp in stream.active_partitions] == [current_event().message.partition]
        noted("isolated", value=value)


@app.agent(app.topic(*(source(name).get_topic_name() for name in ("left", "right")), value_type=bytes))
async def both_topics(stream: Any) -> None:
    async for event in stream.events():
        noted("both-topics", event, value=event.value)


@app.agent(source("break"))
async def breaks(stream: Any) -> None:
    """Leaves its loop after the fourth record, and goes on in a second one."""
    count = 0
    async for value in stream:
        noted("break", value=value, loop=1)
        count += 1
        if count == 4:
            break
    async for value in stream:
        noted("break", value=value, loop=2)


@app.agent(source("continue"))
async def continues(stream: Any) -> None:
    """Catches its own error and goes on with the next record."""
    async for value in stream:
        try:
            if value["n"] == 3:
                raise ValueError("not this one")
            noted("continue", value=value)
        except ValueError:
            noted("continue", caught=value)
            continue
