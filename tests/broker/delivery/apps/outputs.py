"""Agents whose records go on to somewhere else."""

import asyncio
from typing import Any

import faust

from tests.broker.delivery.apps.base import GROUP, app, note, noted, out, short, source


class Order(faust.Record):
    """What is grouped."""

    account: str
    n: int


# --- sinks ------------------------------------------------------------------------------------------------------------


@app.agent(out("sunk-agent", internal=True))
async def sink_agent(stream: Any) -> None:
    async for value in stream:
        note("sink-agent", value=value)


async def later(value: Any) -> None:
    await asyncio.sleep(0)
    note("sink-async", value=value)


@app.agent(
    source("sinks"),
    sink=[out("sunk"), sink_agent, lambda value: note("sink-function", value=value), later],
)
async def sinks(stream: Any) -> Any:
    async for value in stream:
        yield value["n"] * 10


# --- passing events on ------------------------------------------------------------------------------------------------


@app.agent(source("forward"))
async def forward(stream: Any) -> None:
    async for event in stream.events():
        await event.forward(out("forwarded"))
        await event.forward(out("forwarded-other"), key=b"other", value=b"else", headers={"h": b"new"})


@app.agent(source("send"))
async def send(stream: Any) -> None:
    async for event in stream.events():
        await event.send(out("sent"))
        await event.send(
            out("sent-other"), value={"n": event.value["n"] + 1}, partition=1, timestamp=event.message.timestamp
        )


@app.agent(source("send-all"))
async def send_all(stream: Any) -> None:
    """Each way of sending; notes what the sender is told."""

    def called(sent: Any) -> None:
        note("send-callback", value=sent.message.value, partition=sent.result().partition)

    async for event in stream.events():
        number = event.value["n"]
        topic = out("sent-all")
        first = await (await topic.send(key=b"awaited", value=number, partition=0, headers={"n": b"%d" % number}))
        soon = await topic.send_soon(key=b"soon", value=number, partition=0)
        await topic.send(key=b"callback", value=number, partition=0, callback=called)
        named = await (await app.send(topic, key=b"app", value=number, partition=1, timestamp=event.message.timestamp))
        note(
            "send-all",
            offset=event.message.offset,
            told=[short(first.topic), first.partition, first.topic_partition.partition, named.partition],
            grows=first.offset < soon.offset,
            timestamps=[named.timestamp, first.timestamp is None, first.timestamp_type],
        )


@app.agent(source("too-large"))
async def too_large(stream: Any) -> None:
    async for _ in stream:
        try:
            await (await out("never").send(value="x" * 3_000_000))
            noted("too-large", told="nothing")
        except Exception as error:  # noqa: BLE001 - what it is, the test compares
            noted("too-large", told=type(error).__name__)


# --- through other topics ---------------------------------------------------------------------------------------------


@app.agent(source("through"))
async def through(stream: Any) -> None:
    async for event in stream.through(out("through", internal=True)).events():
        note("through", partition=event.message.partition, key=event.key, value=event.value)


@app.agent(source("echo"))
async def echo(stream: Any) -> None:
    async for value in stream.echo(out("echoed"), out("echoed-too")):
        noted("echo", value=value)


@app.agent(source("group-by-field", value_type=Order, key_type=str, key_serializer=None), name=f"{GROUP}-by-field")
async def group_by_field(stream: Any) -> None:
    async for key, order in stream.group_by(Order.account).items():
        note("group-by-field", key=key, value=order)


@app.agent(source("group-by-function", key_type=str, key_serializer=None), name=f"{GROUP}-by-function")
async def group_by_function(stream: Any) -> None:
    async def account(value: Any) -> str:
        return str(value["n"] % 3)

    async for key, value in stream.group_by(account, name="remainder", partitions=2).items():
        note("group-by-function", key=key, value=value)
