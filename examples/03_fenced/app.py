"""A worker whose seat somebody else takes: it finds out who, waits outside the group, and comes back.

Each worker sends a number a second, and tells which partition it reads each number from.
"""

import os
from collections.abc import Iterator
from itertools import count
from typing import Any

from framework import App

app = App("fenced")
# `internal` is Faust's word for a topic that the app creates itself where it is missing.
numbers = app.topic("fenced-numbers", key_type=str, value_type=int, partitions=4, internal=True)
counter: Iterator[int] = count(1)


@app.timer(interval=1.0)
async def send_a_number() -> None:
    """Send the next number; its text is the key, so the numbers spread over all partitions."""
    number = next(counter)
    await numbers.send(key=str(number), value=number)


@app.agent(numbers)
async def tell(stream: Any) -> None:
    """Say which process reads what: in this lesson two processes have one instance id."""
    async for event in stream.events():
        print(f"process {os.getpid()} reads {event.value} from partition {event.message.partition}", flush=True)
