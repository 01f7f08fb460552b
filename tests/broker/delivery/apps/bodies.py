"""One agent whose body does what each record says, for tests that stop, kill and rebalance.

BOTH_BODIES  how many run beside each other; default 1
BOTH_SECOND  where set, a second agent reads the same topic and only notes it

A record is `{"n": number, ...}`, and may have `hold`: seconds to sleep in the body, `fail`: how many of the first tries
fail, `only`: label of the one worker that does either.
"""

import asyncio
import os
import time
from collections import Counter
from typing import Any

from tests.broker.delivery.apps.base import app, note, noted, out, source

LABEL = os.environ["BOTH_LABEL"]
tries: Counter[tuple[int, int]] = Counter()


@app.agent(source("bodies"), concurrency=int(os.environ.get("BOTH_BODIES", "1")), name="bodies")
async def bodies(stream: Any) -> None:
    async for event in stream.events():
        value = event.value
        number = value["n"]
        noted("begun", event, n=number, at=time.monotonic())
        record = event.message.partition, number
        tries[record] += 1
        is_meant = value.get("only", LABEL) == LABEL
        if is_meant and tries[record] <= value.get("fail", 0):
            raise ValueError(f"try {tries[record]} of record {number} fails")
        if is_meant and "hold" in value:
            await asyncio.sleep(value["hold"])
        if value.get("send"):
            await out("copies").send(key=event.key, value=number)
        noted("done", event, n=number, at=time.monotonic())


if os.environ.get("BOTH_SECOND"):

    @app.agent(source("bodies"), name="second")
    async def second(stream: Any) -> None:
        async for event in stream.events():
            noted("second", event, n=event.value["n"])


@app.on_partitions_assigned.connect
async def on_assigned(_: object, assigned: Any, **kwargs: object) -> None:
    note("assigned", partitions=sorted(tp.partition for tp in assigned), at=time.monotonic())


@app.on_partitions_revoked.connect
async def on_revoked(_: object, revoked: Any, **kwargs: object) -> None:
    note("revoked", partitions=sorted(tp.partition for tp in revoked), at=time.monotonic())
