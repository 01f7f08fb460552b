"""Agents that fail outside a plain body: in a list, a filter, a processor, a sink, or at the key of a group_by.

BOTH_KIND  the one agent that there is

A record is `{"n": number, "fail": how many of its first tries fail, if any}`.
"""

import os
from collections import Counter
from typing import Any

from tests.broker.delivery.apps.base import app, note, source

KIND = os.environ["BOTH_KIND"]
LIST = 5
tries: Counter[int] = Counter()


def check(value: Any) -> Any:
    """Fail at a record that is to fail."""
    tries[value["n"]] += 1
    note("tried", n=value["n"])
    if tries[value["n"]] <= value.get("fail", 0):
        raise ValueError(f"try {tries[value['n']]} of record {value['n']} fails")
    return value


def done(value: Any) -> None:
    note("done", n=value["n"])


async def take(stream: Any) -> None:
    async for batch in stream.take(LIST, within=0.3):
        for value in batch:
            check(value)
        for value in batch:
            done(value)


async def filtered(stream: Any) -> None:
    async for value in stream.filter(check):
        done(value)


async def processed(stream: Any) -> None:
    stream.add_processor(check)
    async for value in stream:
        done(value)


async def sunk(stream: Any) -> Any:
    async for value in stream:
        yield value


def sink(value: Any) -> None:
    done(check(value))


async def account(value: Any) -> str:
    return str(check(value)["n"] % 7)


async def grouped(stream: Any) -> None:
    async for value in stream.group_by(account, name="account", partitions=2):
        done(value)


KINDS = {"take": take, "filter": filtered, "processor": processed, "sink": sunk, "group_by": grouped}
app.agent(source("failing"), name="failing", sink=[sink] if KIND == "sink" else None)(KINDS[KIND])
