"""Tables of every kind, changed by agents."""

from datetime import timedelta
from typing import Any

import faust

from tests.broker.delivery.apps.base import app, note, noted, source

BOTH = {"partitions": 2}

counts = app.Table("counts", default=int, **BOTH)
objects = app.Table("objects", default=list, **BOTH)
on_disk = app.Table("on-disk", default=int, store="rocksdb://", **BOTH)
tumbling = app.Table("tumbling", default=int, **BOTH).tumbling(timedelta(seconds=10))
hopping = app.Table("hopping", default=int, **BOTH).hopping(10, 5, expires=timedelta(days=9))
tags = app.SetTable("tags", **BOTH)
changes = app.Table("changes", **BOTH)
rates = app.GlobalTable("rates", default=int, **BOTH)


class Total(faust.Record):
    """A value that is an object."""

    n: int


totals = app.Table("totals", value_type=Total, key_type=str, **BOTH)


@app.agent(source("tables", key_type=str, key_serializer=None))
async def count(stream: Any) -> None:
    async for event in stream.events():
        key, n = event.key, event.value["n"]
        counts[key] += 1
        counts[key] += 1
        on_disk[key] += n
        objects[key] = [*objects[key], n]
        totals[key] = Total(n + (totals[key].n if key in totals else 0))
        tumbling[key] += 1
        hopping[key] += 1
        tags[key].add(n)
        rates[key] = n
        noted(
            "tables",
            event,
            key=key,
            counts=counts[key],
            objects=objects[key],
            on_disk=on_disk[key],
            total=totals[key].n,
            tumbling=[tumbling[key].current(), tumbling[key].value(event)],
            delta=tumbling[key].delta(10),
            hopping=[hopping[key].current(), hopping[key].value(event)],
            tags=sorted(tags[key]),
            rate=rates[key],
        )


@app.agent(source("table-changes", key_type=str, key_serializer=None))
async def change(stream: Any) -> None:
    """Each way to change a table."""
    async for event in stream.events():
        key, n = event.key, event.value["n"]
        changes.update({key: n})
        changes.setdefault(f"{key}-default", n)
        if n % 3 == 0:
            changes.pop(key)
        elif n % 4 == 0:
            del changes[key]
        noted("table-changes", event, key=key, value=changes.get(key), has=key in changes)


@app.page("/tables/")
async def show_tables(self: Any, request: Any) -> Any:
    """What the tables hold, as whoever goes over them sees it."""
    note("page", path="/tables/")
    return self.json(
        {
            "counts": dict(counts.items()),
            "keys": sorted(counts.keys()),
            "values": sorted(counts.values()),
            "length": len(counts),
            "objects": dict(objects.items()),
            "on_disk": dict(on_disk.items()),
            "totals": {key: total.n for key, total in totals.items()},
            "tags": {key: sorted(tags[key]) for key in counts},
            "rates": dict(rates.items()),
            "changes": dict(changes.items()),
        }
    )
