"""What a person is told about a broker that is not there, against real servers on this machine."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from framework.errors import BrokerUnavailableError
from framework.membership.probe import probe

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def speak_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(64)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


async def speak_kafka(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A fake of a broker that knows one answer: ApiVersions v0 with no API at all."""
    size = int.from_bytes(await reader.readexactly(4), "big")
    request = await reader.readexactly(size)
    answer = request[4:8] + (0).to_bytes(2, "big") + (0).to_bytes(4, "big")
    writer.write(len(answer).to_bytes(4, "big") + answer)
    await writer.drain()
    await reader.read()
    writer.close()


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[str]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.01)  # the handlers see the end of their connections


async def refused(*addresses: str, timeout: float = 5.0) -> str:
    with pytest.raises(BrokerUnavailableError) as caught:
        await probe(addresses, {}, timeout)
    return str(caught.value)


def test_closed_port() -> None:
    address = f"127.0.0.1:{closed_port()}"
    message = asyncio.run(refused(address))
    assert message.startswith(f"No Kafka broker answers at {address} (")
    assert "refused" in message.lower() or "connect call failed" in message.lower()
    assert "`framework kafka up`" in message
    assert "FRAMEWORK_BOOTSTRAP_SERVERS" in message


@pytest.mark.parametrize("serve", [hang_up, speak_http])
def test_server_that_does_not_speak_kafka(serve: Serve) -> None:
    async def scenario() -> None:
        async with serving(serve) as address:
            began = time.monotonic()
            message = await refused(address)
            assert time.monotonic() - began < 3.0
            assert f"{address} (the connection was closed before it spoke Kafka" in message

    asyncio.run(scenario())


def test_server_that_never_answers() -> None:
    async def scenario() -> None:
        async with serving(say_nothing) as address:
            began = time.monotonic()
            assert f"{address} (no answer within 0.2 s)" in await refused(address, timeout=0.2)
            assert time.monotonic() - began < 2.0

    asyncio.run(scenario())


def test_each_address_has_its_own_reason() -> None:
    async def scenario() -> None:
        async with serving(hang_up) as first, serving(say_nothing) as second:
            message = await refused(first, second, timeout=0.2)
            assert f"{first} (the connection was closed" in message
            assert f"{second} (no answer within 0.2 s)" in message

    asyncio.run(scenario())


def test_one_broker_is_enough() -> None:
    async def scenario() -> None:
        async with serving(speak_kafka) as address:
            await probe([f"127.0.0.1:{closed_port()}", address], {}, 5.0)

    asyncio.run(scenario())


def test_host_that_does_not_exist() -> None:
    message = asyncio.run(refused("nowhere.invalid:9092"))
    assert message.startswith("No Kafka broker answers at nowhere.invalid:9092 (")
