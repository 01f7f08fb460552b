"""An agent with an actor a partition, which fails at one record until it is told to go on.

A record is `{"n": number}`, and may have `fails`: label of the one worker that fails at it.
"""

import asyncio
import os
from typing import Any

from faust import current_event

from tests.broker.delivery.apps.base import app, note, noted, source

LABEL = os.environ["BOTH_LABEL"]
let_go = asyncio.Event()


@app.agent(source("bodies"), isolated_partitions=True, name="isolated")
async def isolated(stream: Any) -> None:
    async for value in stream:
        event = current_event()
        assert [tp.partition for tp in stream.active_partitions] == [event.message.partition]
        if value.get("fails") == LABEL and not let_go.is_set():
            noted("failed", event, n=value["n"])
            raise ValueError(f"record {value['n']}")
        await asyncio.sleep(0.002)
        noted("done", event, n=value["n"])


@app.agent(source("let-go"))
async def told(stream: Any) -> None:
    async for _ in stream:
        let_go.set()


@app.on_partitions_assigned.connect
async def on_assigned(_: object, assigned: Any, **kwargs: object) -> None:
    note("assigned", partitions=sorted(tp.partition for tp in assigned))
