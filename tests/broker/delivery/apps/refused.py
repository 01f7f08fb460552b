"""Agents that send records which the broker refuses: the topic takes only small batches.

A record is `{"n": number}`, and may have `pad`: how many characters its copy is larger.
"""

from typing import Any

from aiokafka.errors import KafkaError

from tests.broker.delivery.apps.base import app, noted, out, source

copies = out("refused-copies")


def copy_of(event: Any) -> dict[str, Any]:
    return {"n": event.value["n"], "pad": "x" * event.value.get("pad", 0)}


@app.agent(source("unawaited"), name="unawaited")
async def unawaited(stream: Any) -> None:
    """Looks at nothing."""
    async for event in stream.events():
        await copies.send(key=b"k", value=copy_of(event), partition=0)
        noted("sent", event, n=event.value["n"])


@app.agent(source("awaited"), name="awaited")
async def awaited(stream: Any) -> None:
    """Looks at each, and knows what to do."""
    async for event in stream.events():
        try:
            await (await copies.send(key=b"k", value=copy_of(event), partition=1))
        except KafkaError as error:
            noted("caught", event, n=event.value["n"], error=type(error).__name__)
