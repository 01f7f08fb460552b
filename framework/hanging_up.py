"""Ends the connections of an aiokafka client within a bound; knows nothing of what was said over them."""

import asyncio
from typing import Any

HANG_UP_WITHIN = 1.0
"""Seconds that connections get to close in order."""


def hang_up_in_time(client: Any) -> None:
    """Have `close` of an `AIOKafkaClient` cut what does not close in order within `HANG_UP_WITHIN`.

    aiokafka waits for as long as a connection takes. Over TLS some take 30 s, which is what uvloop gives both sides to
    say goodbye: a few in a hundred stops on a busy machine, and a worker's whole grace. Whoever closes a client has had
    all the answers that it wanted.
    """
    close_in_order = client.close

    async def close() -> None:
        writers = [connection._writer for connection in client._conns.values() if connection._writer is not None]
        try:
            async with asyncio.timeout(HANG_UP_WITHIN):
                await close_in_order()
        except TimeoutError:
            for writer in writers:
                writer.transport.abort()

    client.close = close
