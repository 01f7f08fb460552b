"""Connections that do not close in order are cut: real ones over TLS, to a fake broker that never says goodbye."""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
import trustme
import uvloop
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection

from framework import closing
from framework.closing import bound_close, cut

BOUND = 0.2
NEVER = 10.0
"""Seconds; less than what uvloop gives both sides to say goodbye."""

Run = Callable[[Any], None]


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(closing, "CLOSE_TIMEOUT", BOUND)
    found: Run = request.param
    return found


class SilentBroker:
    """A fake of a broker that takes connections over TLS, and then does nothing any more."""

    def __init__(self) -> None:
        authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self._context)
        self.trusted = ssl.create_default_context()
        authority.configure_trust(self.trusted)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open = ExitStack()
        self._thread = threading.Thread(target=self._serve, name="broker")
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                self._open.enter_context(self._context.wrap_socket(self._listener.accept()[0], server_side=True))

    def end(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        self._open.close()


@pytest.fixture
def broker() -> Iterator[SilentBroker]:
    found = SilentBroker()
    yield found
    found.end()


class Silent(AIOKafkaConnection):
    """Asks nothing when it connects, because nobody would answer."""

    async def _do_version_lookup(self) -> None:
        pass


async def connected(broker: SilentBroker) -> tuple[Any, Any]:
    """A client with a connection, and that connection."""
    options = {"security_protocol": "SSL", "ssl_context": broker.trusted}
    client: Any = AIOKafkaClient(bootstrap_servers=f"127.0.0.1:{broker.port}", **options)
    connection = client._conns["any"] = Silent("127.0.0.1", broker.port, **options)
    await connection.connect()
    bound_close(client)
    return client, connection


def is_lost(connection: Any) -> bool:
    return connection._protocol._transport is None


@pytest.mark.parametrize("is_closing", [False, True], ids=["open", "closing already"])
def test_late_connection_is_cut(run: Run, broker: SilentBroker, is_closing: bool) -> None:
    async def scenario() -> None:
        client, connection = await connected(broker)
        if is_closing:
            connection.close()
        began = time.monotonic()
        await client.close()
        # uvloop counts in whole milliseconds.
        assert BOUND - 0.01 <= time.monotonic() - began < NEVER
        assert is_lost(connection)
        await client.close()  # again, as a second caller may

    run(scenario())


def test_late_task_of_the_client_is_not_waited_for(run: Run, broker: SilentBroker) -> None:
    async def late() -> None:
        try:
            await asyncio.sleep(NEVER)
        finally:
            await asyncio.sleep(5 * BOUND)

    async def scenario() -> None:
        client, connection = await connected(broker)
        task = client._sync_task = asyncio.ensure_future(late())
        await asyncio.sleep(0)
        await client.close()
        assert not task.done()
        with suppress(asyncio.CancelledError):
            await task
        assert is_lost(connection)

    run(scenario())


def test_connections_in_order_are_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    cuts: list[Any] = []
    monkeypatch.setattr(closing, "cut", cuts.append)
    monkeypatch.setattr(closing, "CLOSE_TIMEOUT", NEVER)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def scenario() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            client: Any = AIOKafkaClient(bootstrap_servers="127.0.0.1:9")
            connection = client._conns["any"] = Silent("127.0.0.1", server.sockets[0].getsockname()[1])
            await connection.connect()
            bound_close(client)
            began = time.monotonic()
            await client.close()
            assert time.monotonic() - began < NEVER
            assert is_lost(connection)
        assert not cuts

    asyncio.run(scenario())


def test_other_errors_are_the_callers() -> None:
    async def scenario() -> None:
        client: Any = AIOKafkaClient(bootstrap_servers="127.0.0.1:9")

        async def close() -> None:
            raise OSError("it broke")

        client.close = close
        bound_close(client)
        with pytest.raises(OSError, match="it broke"):
            await client.close()

    asyncio.run(scenario())


def test_connection_that_was_never_made_is_left_alone() -> None:
    async def scenario() -> None:
        cut([AIOKafkaConnection("127.0.0.1", 9)])

    asyncio.run(scenario())
