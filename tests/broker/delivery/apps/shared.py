"""Several readers of one topic, with different ideas of what is in it."""

import asyncio
from typing import Any

import faust

from tests.broker.delivery.apps.base import app, note, noted, source


class Counted(faust.Record):
    """The same value as an object."""

    n: int


@app.agent(source("shared"))
async def as_json(stream: Any) -> None:
    async for value in stream:
        noted("shared-json", value=value)


@app.agent(source("shared", value_serializer="raw"))
async def as_bytes(stream: Any) -> None:
    async for value in stream:
        noted("shared-bytes", value=value)


@app.agent(source("shared", value_type=Counted))
async def as_record(stream: Any) -> None:
    async for value in stream:
        await asyncio.sleep(0.002)
        noted("shared-record", value=value)


@app.agent(source("shared"))
async def as_json_again(stream: Any) -> None:
    async for event in stream.events():
        noted("shared-again", event, value=event.value)


@app.task
async def over_a_list() -> None:
    async for value in app.stream([1, 2, 3]):
        note("list-stream", value=value)


numbers = app.channel()
typed = app.channel(value_type=Counted)


@app.agent(numbers)
async def on_channel(stream: Any) -> None:
    async for value in stream:
        note("channel", value=value)


@app.agent(typed)
async def on_typed_channel(stream: Any) -> None:
    async for event in stream.events():
        note("channel-typed", key=event.key, value=event.value)


@app.agent(source("to-channel"))
async def to_channel(stream: Any) -> None:
    async for value in stream:
        await numbers.put(value["n"])
        await numbers.send(value=value["n"] + 1000)
        await typed.send(key=b"k", value=Counted(value["n"]))


@app.agent(source("combined-left"))
async def combined(stream: Any) -> None:
    """Two streams as one."""
    async for value in stream & app.stream(source("combined-right")):
        note("combined", value=value)
