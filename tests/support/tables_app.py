"""An app with a table of each kind, written by one agent; run as a worker, or shadowed by a test.

TABLES_GROUP   id of the app, so also the consumer group
TABLES_IN      topic of two partitions: `{"key": ..., "amount": ..., "gone": whether the key is to be deleted}`
"""

import os
from collections.abc import AsyncIterable
from typing import Any

import faust

from framework import App, Settings

PARTITIONS = 2
AGES = 10**9
"""Seconds of a window; all records of a test are in one."""


class Account(faust.Record):
    """A value with a model."""

    total: int


def new_app(group_id: str, source: str, settings: Settings | None = None) -> App:
    """The app; its tables are found in `app.tables` by name."""
    app = App(group_id, settings=settings)
    topic = app.topic(source, key_serializer="raw", value_serializer="json")
    totals = app.Table("totals", default=int, partitions=PARTITIONS)
    accounts = app.Table("accounts", value_type=Account, partitions=PARTITIONS)
    windows = app.Table("windows", default=int, partitions=PARTITIONS).tumbling(AGES)
    tags = app.SetTable("tags", partitions=PARTITIONS)
    rates = app.GlobalTable("rates", default=int, partitions=PARTITIONS)

    @app.agent(topic)
    async def write(stream: AsyncIterable[Any]) -> None:
        async for change in stream:
            key, amount = change["key"], change["amount"]
            if change.get("gone"):
                totals.pop(key, None)
                continue
            totals[key] += amount
            accounts[key] = Account(total=totals[key])
            windows[key] += amount
            tags[key].add(amount)
            rates[key] = amount

    return app


app = new_app(os.environ.get("TABLES_GROUP", "tables"), os.environ.get("TABLES_IN", "tables-in"))
