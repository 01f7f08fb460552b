"""Connections that do not close in order are cut; fakes stand for aiokafka's client, which is never late on demand."""

import asyncio
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from framework import hanging_up
from framework.hanging_up import hang_up_in_time


class FakeConnection:
    """A fake connection: closes at once, or not before it is cut."""

    def __init__(self, *, is_late: bool = False) -> None:
        self.cuts = 0
        self._closed = asyncio.get_running_loop().create_future()
        self._writer: Any = SimpleNamespace(transport=SimpleNamespace(abort=self._cut))
        self._is_late = is_late

    def close(self) -> "asyncio.Future[None]":
        self._writer = None
        if not self._is_late:
            self._closed.set_result(None)
        return self._closed

    def _cut(self) -> None:
        self.cuts += 1


class FakeClient:
    """A fake of the client's end."""

    def __init__(self, conns: Mapping[str, FakeConnection]) -> None:
        self._conns = conns
        hang_up_in_time(self)

    async def close(self) -> None:
        await asyncio.gather(*(connection.close() for connection in self._conns.values()))


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hanging_up, "HANG_UP_WITHIN", 0.05)


def test_late_connection_is_cut() -> None:
    async def scenario() -> None:
        connections = {"late": FakeConnection(is_late=True), "other": FakeConnection(), "new": FakeConnection()}
        connections["new"]._writer = None
        began = time.monotonic()
        await FakeClient(connections).close()
        assert time.monotonic() - began >= 0.05
        # One that has closed does not mind.
        assert {name: found.cuts for name, found in connections.items()} == {"late": 1, "other": 1, "new": 0}

    asyncio.run(scenario())


def test_connections_in_order_are_not_cut() -> None:
    async def scenario() -> None:
        connections = {"one": FakeConnection(), "two": FakeConnection()}
        await FakeClient(connections).close()
        assert not any(found.cuts for found in connections.values())

    asyncio.run(scenario())


def test_other_errors_are_the_callers() -> None:
    async def scenario() -> None:
        connection = FakeConnection()
        connection.close = lambda: 1 / 0  # type: ignore[method-assign,assignment,return-value]
        with pytest.raises(ZeroDivisionError):
            await FakeClient({"one": connection}).close()

    asyncio.run(scenario())
