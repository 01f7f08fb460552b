"""Agents of every kind over so many records that each partition comes in many slices; told on a page, kept in memory.

BOTH_EACH  how many records there are a partition; some of their bodies take longer than a turn
"""

import asyncio
import time
from collections import Counter, defaultdict
from typing import Any

from faust import current_event

from tests.broker.delivery.apps.base import GROUP, app, out, source

LIST = 100
"""Values that are taken together."""

seen: defaultdict[str, defaultdict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
strange: Counter[str] = Counter()
counts = app.Table("counts", default=int, partitions=2)


def unique(value: Any) -> int:
    """A number that no other record has."""
    return int(value["n"] * 2 + value["p"])


def see(feature: str, value: Any) -> None:
    """Remember a record, in which its partition and its offset are written."""
    seen[feature][value["p"]].append(value["n"])


async def see_current(feature: str, value: Any, event: Any = None) -> None:
    """As `see`; the current event must be that of this record, before and after others had the event loop."""
    see(feature, value)
    await linger(value["n"])
    message = (event or current_event()).message
    strange[feature] += (message.partition, message.offset) != (value["p"], value["n"]) or message.acked


async def linger(number: int) -> None:
    """Take longer than a turn now and then, with and without letting others run."""
    if number % 500 == 250:
        time.sleep(0.009)
    elif number % 500 == 350:
        await asyncio.sleep(0.012)


# --- each way to go over a stream -------------------------------------------------------------------------------------


@app.agent(source("values"))
async def values(stream: Any) -> None:
    async for value in stream:
        await see_current("values", value)


@app.agent(source("events"))
async def events(stream: Any) -> None:
    async for event in stream.events():
        await see_current("events", event.value, event)


@app.agent(source("take"))
async def take(stream: Any) -> None:
    async for batch in stream.take(LIST, within=0.2):
        strange["take"] += not 0 < len(batch) <= LIST
        for value in batch:
            see("take", value)
            await linger(value["n"])


@app.agent(source("noack-take"))
async def noack_take(stream: Any) -> None:
    """Acks each list from its end."""
    async for batch in stream.noack_take(LIST, within=0.2):
        for event in batch:
            await see_current("noack-take", event.value, event)
        for event in reversed(batch):
            event.ack()


@app.agent(source("concurrency"), concurrency=4)
async def concurrency(stream: Any) -> None:
    async for value in stream:
        if value["n"] % 7 == 0:
            await asyncio.sleep(0)
        await see_current("concurrency", value)


@app.agent(source("isolated"), isolated_partitions=True)
async def isolated(stream: Any) -> None:
    async for value in stream:
        await see_current("isolated", value)


@app.agent(source("filter"))
async def filters(stream: Any) -> None:
    async for value in stream.filter(lambda value: value["n"] % 3 == 0):
        await see_current("filter", value)


@app.agent(source("pair"))
async def pair_quick(stream: Any) -> None:
    async for value in stream:
        await see_current("pair-quick", value)


@app.agent(source("pair"))
async def pair_slow(stream: Any) -> None:
    async for event in stream.events():
        if event.value["n"] % 100 == 0:
            await asyncio.sleep(0.002)
        await see_current("pair-slow", event.value, event)


# --- what comes out ---------------------------------------------------------------------------------------------------


@app.agent(source("sinks"), sink=[out("sunk")])
async def sinks(stream: Any) -> Any:
    async for value in stream:
        await see_current("sinks", value)
        yield unique(value)


@app.agent(source("forward"))
async def forward(stream: Any) -> None:
    async for event in stream.events():
        await event.forward(out("forwarded"), value=unique(event.value))
        await see_current("forward", event.value, event)


@app.agent(source("group-by", key_type=str, key_serializer=None), name=f"{GROUP}-regrouped")
async def group_by(stream: Any) -> None:
    async def account(value: Any) -> str:
        return str(value["n"] % 7)

    async for key, value in stream.group_by(account, name="account", partitions=2).items():
        see("group-by", value)
        strange["group-by"] += key != str(value["n"] % 7)


@app.agent(source("table", key_type=str, key_serializer=None))
async def table(stream: Any) -> None:
    async for event in stream.events():
        counts[event.key] += 1
        await see_current("table", event.value, event)


@app.page("/progress/")
async def show_progress(self: Any, request: Any) -> Any:
    return self.json({feature: sum(map(len, of_feature.values())) for feature, of_feature in seen.items()})


@app.page("/seen/")
async def show_seen(self: Any, request: Any) -> Any:
    return self.json({"seen": seen, "strange": strange, "counts": dict(counts.items())})
