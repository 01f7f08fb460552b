"""Sums by key in a table in memory and in one on RocksDB, for an app that changes its path at a restart."""

from typing import Any

from tests.broker.delivery.apps.base import app, source

in_memory = app.Table("in-memory", default=int, partitions=2)
on_disk = app.Table("on-disk", default=int, store="rocksdb://", partitions=2)


@app.agent(source("changing", key_type=str, key_serializer=None))
async def change(stream: Any) -> None:
    async for event in stream.events():
        in_memory[event.key] += event.value["n"]
        on_disk[event.key] += event.value["n"]


@app.page("/totals/")
async def show_totals(self: Any, request: Any) -> Any:
    return self.json({"memory": dict(in_memory.items()), "disk": dict(on_disk.items()), "is_fast": app.is_fast})
