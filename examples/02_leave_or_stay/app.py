"""Three workers share eight partitions; one goes, and says whether it comes back.

Each worker sends a number a second, and tells which partition it reads each number from.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any

from framework import App

app = App("leave-or-stay")
# `internal` is Faust's word for a topic that the app creates itself where it is missing.
numbers = app.topic("leave-or-stay-numbers", key_type=str, value_type=int, partitions=8, internal=True)
counter: Iterator[int] = count(1)


@app.timer(interval=1.0)
async def send_a_number() -> None:
    """Send the next number; its text is the key, so the numbers spread over all partitions."""
    number = next(counter)
    await numbers.send(key=str(number), value=number)


@app.agent(numbers)
async def tell(stream: Any) -> None:
    """Say who reads what, and where from."""
    async for event in stream.events():
        seat = app.identity.group_instance_id if app.identity else "?"
        print(f"{seat} reads {event.value} from partition {event.message.partition}", flush=True)
