"""A worker whose seat a warm spare takes when it dies: the spare has its table already, and goes on where it stopped.

Each primary worker sends a few numbers a second; the agent keeps their sum in a table and tells who added what.
"""

import os
from collections.abc import Iterator
from itertools import count
from typing import Any

from framework import App

app = App("sums")
# `internal` is Faust's word for a topic that the app creates itself where it is missing.
numbers = app.topic("sums-numbers", key_type=str, value_type=int, partitions=4, internal=True)
sums = app.Table("sums", default=int, partitions=4)
counter: Iterator[int] = count(1)


@app.timer(interval=0.2)
async def send_a_number() -> None:
    """Send the next number; its text is the key, so the numbers spread over all partitions."""
    number = next(counter)
    await numbers.send(key=str(number), value=number)


@app.agent(numbers)
async def add(stream: Any) -> None:
    """Add each number to the sum of its partition."""
    async for event in stream.events():
        partition = str(event.message.partition)
        sums[partition] += event.value
        print(f"process {os.getpid()}: the sum of partition {partition} is {sums[partition]}", flush=True)


@app.on_promoted.connect
async def tell_promoted(_: Any, seat: str, kind: str, **_more: Any) -> None:
    """Say that this process has come into a seat that was another one's."""
    print(f"process {os.getpid()}: promoted to {seat} ({kind})", flush=True)


@app.on_demoted.connect
async def tell_demoted(_: Any, seat: str, **_more: Any) -> None:
    """Say that this process has handed its seat over."""
    print(f"process {os.getpid()}: handed {seat} over", flush=True)
