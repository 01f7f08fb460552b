"""Inputs that a broker or a client has written in another way than usual, and streams with a join.

BOTH_CODECS  there is an input `in-<codec>` for each of them
"""

import os
from typing import Any

from faust.joins import Join

from tests.broker.delivery.apps.base import app, noted, source

CODECS = os.environ["BOTH_CODECS"].split()


def reads(name: str) -> None:
    """Make an agent that notes all that is in a record, its time too."""

    @app.agent(source(name), name=f"reads_{name}")
    async def read(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            noted(
                name,
                event,
                key=event.key,
                value=event.value,
                timestamp=message.timestamp,
                timestamp_type=message.timestamp_type,
                headers=dict(event.headers),
            )


for each in (*(f"in-{codec}" for codec in CODECS), "appended"):
    reads(each)


class Pairs(Join):
    """Joins a record with the one before it; a strategy of the app's own, since Faust's do nothing."""

    last: Any = None

    async def process(self, event: Any) -> Any:
        before, self.last = self.last, event
        return [before, event]


@app.agent(source("joined"))
async def joined(stream: Any) -> None:
    stream.join_strategy = Pairs(stream=stream, fields=())
    async for value in stream:
        noted("joined", value=value)


@app.agent(source("joined-clone"))
async def joined_clone(stream: Any) -> None:
    """As Faust's `Stream.join` does it."""
    async for value in stream.clone(join_strategy=Pairs(stream=stream, fields=())):
        noted("joined-clone", value=value)
