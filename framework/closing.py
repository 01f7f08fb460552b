"""Closes aiokafka's connections within a bound; knows nothing of what was said over them."""

import asyncio
from collections.abc import Iterable
from typing import Any

CLOSE_TIMEOUT = 1.0
"""Seconds that connections get to close in order, and once more when they have been cut."""


def bound_close(client: Any) -> None:
    """Have `close` of an `AIOKafkaClient` cut the connections that do not close in order within `CLOSE_TIMEOUT`.

    aiokafka waits for as long as a connection takes. Over TLS some take 30 s, which is what uvloop gives both sides to
    say goodbye: a few in a hundred stops on a busy machine, and more than a worker's whole grace. Whoever closes a
    client has had all the answers that it wanted; only with `acks=0` there are none, and what the connection has not
    sent when it is cut is lost.
    """
    close_in_order = client.close

    async def close() -> None:
        # Not cancelled when it is late: aiokafka would take that for the end of a task of its own, and go on waiting.
        closing = asyncio.ensure_future(close_in_order())
        await asyncio.wait({closing}, timeout=CLOSE_TIMEOUT)
        if not closing.done():
            cut(client._conns.values())
            await asyncio.wait({closing}, timeout=CLOSE_TIMEOUT)
        if closing.done():
            closing.result()

    client.close = close


def cut(connections: Iterable[Any]) -> None:
    """End connections at once, those too that have begun to close."""
    for connection in connections:
        transport = connection._protocol._transport if connection._protocol is not None else None
        if transport is not None:
            transport.abort()
