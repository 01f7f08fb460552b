"""Tables with windows: by the clock, by a field, with an index of keys, closed, on disk, of models; and global sets."""

from datetime import timedelta
from typing import Any

import faust

from tests.broker.delivery.apps.base import app, note, noted, source

BOTH = {"partitions": 2}
TEN = timedelta(seconds=10)
LONG = timedelta(days=9)


class Reading(faust.Record):
    """A value that says when it was measured."""

    n: int
    at: float


def has_closed(key: Any, value: Any) -> None:
    """A window has become too old."""
    note("closed", key=key[0], window=key[1], value=value)


by_field = app.Table("by-field", default=int, **BOTH).tumbling(TEN, expires=LONG).relative_to_field(Reading.at)
by_clock = app.Table("by-clock", default=int, **BOTH).tumbling(timedelta(days=1)).relative_to_now()
indexed = app.Table("indexed", default=int, **BOTH).hopping(10, 5, expires=LONG, key_index=True)
closing = app.Table("closing", default=int, on_window_close=has_closed, **BOTH).tumbling(1, expires=0.1)
on_disk = app.Table("windows-on-disk", default=int, store="rocksdb://", **BOTH).tumbling(
    TEN, expires=LONG, key_index=True
)
models = app.Table("models", value_type=Reading, key_type=str, store="rocksdb://", **BOTH)
model_windows = app.Table("model-windows", value_type=Reading, store="rocksdb://", **BOTH).hopping(10, 5, expires=LONG)
everywhere = app.SetGlobalTable("everywhere", **BOTH)


@app.agent(source("windows", value_type=Reading, key_type=str, key_serializer=None))
async def windows(stream: Any) -> None:
    async for event in stream.events():
        key, reading = event.key, event.value
        by_field[key] += 1
        by_clock[key] += reading.n
        indexed[key] += 1
        on_disk[key] += reading.n
        models[key] = Reading(reading.n + (models[key].n if key in models else 0), reading.at)
        model_windows[key] = reading
        everywhere[key].add(reading.n)

        # The two partitions are read in any order, so each looks at its own keys alone.
        def own(items: Any, partition: int = event.message.partition) -> list[Any]:
            return sorted((name, value) for name, value in items if name.endswith(f"-{partition}"))

        noted(
            "windows",
            event,
            by_field=[by_field[key].value(), by_field[key].current(), by_field[key].delta(10)],
            by_clock=[by_clock[key].value(), by_clock[key].now()],
            indexed=own(indexed.items()),
            lately=own(indexed.items().delta(10)),
            on_disk=own(on_disk.items()),
            model=models[key],
            model_window=[model_windows[key].current(), model_windows[key].delta(5)],
            everywhere=sorted(everywhere[key]),
        )


@app.agent(source("closing", key_type=str, key_serializer=None))
async def fill(stream: Any) -> None:
    async for event in stream.events():
        closing[event.key] += event.value["n"]
        noted("closing", event, value=closing[event.key].current(), count=len(closing.table.data))


@app.page("/windows/")
async def show(self: Any, request: Any) -> Any:
    """What is left in the windows, as whoever goes over them sees it."""
    return self.json(
        {
            "models": {key: model.asdict() for key, model in models.items()},
            "indexed": len(indexed),
            "keys": sorted(indexed),
            "closing": len(closing.table.data),
            "everywhere": {key: sorted(values) for key, values in everywhere.items()},
        }
    )
