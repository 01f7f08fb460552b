"""Agents of every kind whose bodies do what each record says, for tests that stop them and move their partitions.

BOTH_HOLD  seconds that each body takes until partitions are first taken away
BOTH_PAIR  where 0, there are no two agents that share a topic

A record is `{"n": number, "p": partition, "hold": seconds to sleep in the body, "only": the one worker that does}`;
`hold` and `only` may be missing.
"""

import asyncio
import os
import time
from typing import Any

from tests.broker.delivery.apps.base import GROUP, app, note, source

LABEL = os.environ["BOTH_LABEL"]
HOLD = float(os.environ.get("BOTH_HOLD", "0"))
LIST = 10

totals = app.Table("totals", default=int, partitions=2)
tasks: set[asyncio.Task[None]] = set()
is_held = True


def tell(kind: str, step: str, value: Any) -> None:
    """Note that a body has begun or has done with a record."""
    note(kind, step=step, partition=value["p"], n=value["n"], at=time.monotonic())


async def work(kind: str, *values: Any, hold: float = HOLD) -> None:
    """The body: sleep as long as its records say, or as all have to."""
    for value in values:
        tell(kind, "begun", value)
    meant = [value.get("hold", 0.0) for value in values if value.get("only", LABEL) == LABEL]
    if seconds := max(0.0, *meant, hold if is_held else 0.0):
        await asyncio.sleep(seconds)
    for value in values:
        tell(kind, "done", value)


@app.agent(source("events"))
async def events(stream: Any) -> None:
    async for event in stream.events():
        await work("events", event.value)


@app.agent(source("concurrency"), concurrency=4)
async def concurrency(stream: Any) -> None:
    """Some take longer than others, so that they end in another order."""
    async for value in stream:
        await work("concurrency", value, hold=HOLD * (value["n"] % 8))


@app.agent(source("take"))
async def take(stream: Any) -> None:
    async for batch in stream.take(LIST, within=0.5):
        await work("take", *batch, hold=HOLD * LIST)


if os.environ.get("BOTH_PAIR") != "0":

    @app.agent(source("pair"))
    async def pair_slow(stream: Any) -> None:
        async for value in stream:
            await work("pair-slow", value)

    @app.agent(source("pair"))
    async def pair_quick(stream: Any) -> None:
        async for value in stream:
            await work("pair-quick", value, hold=HOLD / 2)


@app.agent(source("by-hand"))
async def by_hand(stream: Any) -> None:
    """Acks each record a bit later than its body ends."""
    async for event in stream.noack().events():
        await work("by-hand", event.value)
        task = asyncio.create_task(ack_later(event))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


async def ack_later(event: Any) -> None:
    await asyncio.sleep(0.003)
    event.ack()


@app.agent(source("table", key_type=str, key_serializer=None))
async def table(stream: Any) -> None:
    async for event in stream.events():
        await work("table", event.value)
        totals[event.key] += event.value["n"]


@app.agent(source("group-by", key_type=str, key_serializer=None), name=f"{GROUP}-regrouped")
async def group_by(stream: Any) -> None:
    async def account(value: Any) -> str:
        return str(value["n"] % 7)

    async for value in stream.group_by(account, name="account", partitions=2):
        await work("group-by", value)


@app.on_partitions_assigned.connect
async def on_assigned(_: object, assigned: Any, **kwargs: object) -> None:
    note("assigned", partitions=sorted(tp.partition for tp in assigned if tp.topic.endswith("-events")))


@app.on_partitions_revoked.connect
async def on_revoked(_: object, revoked: Any, **kwargs: object) -> None:
    global is_held
    is_held = is_held and not revoked


@app.page("/totals/")
async def show_totals(self: Any, request: Any) -> Any:
    return self.json(dict(totals.items()))
