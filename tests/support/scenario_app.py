"""The app under test: copies each input to the output and says who did it; all names come from `SCENARIO_` variables.

SCENARIO_GROUP         id of the app, so also the consumer group
SCENARIO_IN, _OUT      topics
SCENARIO_WORKER        label of this worker in the output
SCENARIO_NOTES         file to append a JSON line to when partitions come and go and when a record is held
SCENARIO_EXTRA_TOPIC   a second agent copies this topic too
SCENARIO_TABLE         "1": count inputs a partition in a table; "2": and change another one three times for each
SCENARIO_KEYS          how many keys a partition that other table has
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterable
from pathlib import Path
from typing import Any

from framework import App
from tests.support.tallies import keys_of

HANDLER_SECONDS = 0.002
BETWEEN_CHANGES = 0.001

app = App(os.environ["SCENARIO_GROUP"])
source = app.topic(os.environ["SCENARIO_IN"], value_serializer="json", key_serializer="raw")
copies = app.topic(os.environ["SCENARIO_OUT"], value_serializer="json", key_serializer="raw")
worker = os.environ.get("SCENARIO_WORKER", "?")


def wanted(feature: str) -> bool:
    """Whether the environment switches a feature on."""
    return os.environ.get(f"SCENARIO_{feature}") == "1"


tables = int(os.environ.get("SCENARIO_TABLE") or 0)
counts = app.Table("counts", default=int, partitions=8) if tables >= 1 else None
tallies = app.Table("tallies", default=int, partitions=8) if tables >= 2 else None
keys = int(os.environ.get("SCENARIO_KEYS") or 20)


def note(kind: str, **fields: object) -> None:
    """Append one line to the notes of this worker, where wanted."""
    if path := os.environ.get("SCENARIO_NOTES"):
        line = json.dumps({"kind": kind, "pid": os.getpid(), "at": time.monotonic(), **fields})
        with Path(path).open("a") as notes:
            notes.write(line + "\n")


async def copy(stream: AsyncIterable[Any]) -> None:
    """What each agent does with its topic."""
    async for event in stream.events():  # type: ignore[attr-defined]
        value = event.value
        hold = value.get("hold", 0.0)
        if hold and not wanted("IGNORE_HOLD"):
            note("held", uuid=value["uuid"])
            await asyncio.sleep(hold)
        await asyncio.sleep(HANDLER_SECONDS)
        if counts is not None:
            counts[value["p"]] += 1
        if tallies is not None:
            first, *others = keys_of(value["p"], value["seq"], keys)
            tallies[first] += 1
            # The first change is on its way alone, so that a kill may come between two of one event.
            await asyncio.sleep(BETWEEN_CHANGES)
            for key in others:
                tallies[key] += 1
        await copies.send(
            key=value["uuid"].encode(),
            value={
                "topic": event.message.topic,
                "p": event.message.partition,
                "seq": value["seq"],
                "offset": event.message.offset,
                "uuid": value["uuid"],
                "worker": worker,
                "pid": os.getpid(),
                "t": time.monotonic_ns(),
            },
        )


app.agent(source, name="copy")(copy)
if wanted("EXTRA"):

    @app.agent(
        app.topic(os.environ["SCENARIO_EXTRA_TOPIC"], value_serializer="json", key_serializer="raw"), name="copy_extra"
    )
    async def copy_extra(stream: AsyncIterable[Any]) -> None:
        """The agent that a new version of the app has and an old one has not."""
        await copy(stream)


@app.on_partitions_assigned.connect
async def on_assigned(_: object, assigned: Any, **kwargs: object) -> None:
    """Note what came."""
    note("assigned", partitions=sorted([tp.topic, tp.partition] for tp in assigned))


@app.on_partitions_revoked.connect
async def on_revoked(_: object, revoked: Any, **kwargs: object) -> None:
    """Note what went."""
    note("revoked", partitions=sorted([tp.topic, tp.partition] for tp in revoked))
