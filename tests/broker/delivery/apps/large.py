"""Agents that send on what they get, however large it is.

BOTH_WAYS  those that there are: `forward`, `echo` or both
"""

import os
from typing import Any

from tests.broker.delivery.apps.base import app, out, source

large = source("large", value_serializer="raw")
WAYS = os.environ["BOTH_WAYS"].split()

if "forward" in WAYS:

    @app.agent(large, name="forward")
    async def forward(stream: Any) -> None:
        async for event in stream.events():
            await event.forward(out("large-forward", value_serializer="raw"))


if "echo" in WAYS:

    @app.agent(large, name="echo")
    async def echo(stream: Any) -> None:
        async for _ in stream.echo(out("large-echo", value_serializer="raw")):
            pass
