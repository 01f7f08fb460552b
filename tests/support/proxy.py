"""A proxy in front of one broker that sees whole requests: it notes them, holds them up, cuts off, refuses some."""

import asyncio
import struct
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.support.requests import Request, read_request, refusal

T = TypeVar("T")

HOST = "127.0.0.1"
PATIENCE = 10.0

Owed = asyncio.Queue[bytes | None]
"""How the requests of a connection are to be answered, in order: with these bytes, or by the broker (None)."""


class Proxy:
    """A context manager that listens while it is open, in a thread of its own.

    The broker has to advertise the proxy's port, or its clients go around it. Understands connections without TLS and
    SASL, and producers that ask for acknowledgements.

    Args:
        port: where to listen.
        broker_port: whom to pass everything on to.
    """

    def __init__(self, port: int, broker_port: int) -> None:
        self.bootstrap_servers = f"{HOST}:{port}"
        self._port = port
        self._broker_port = broker_port
        self._requests: list[Request] = []
        self._refusals: dict[int, list[int]] = {}
        self._is_cut = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="proxy")
        self._is_ready = threading.Event()

    def __enter__(self) -> Self:
        self._running: Future[None] = self._executor.submit(lambda: asyncio.run(self._serve()))
        if not self._is_ready.wait(PATIENCE):
            raise TimeoutError(f"the proxy does not listen on port {self._port} after {PATIENCE} s")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._closing.set)
        self._running.result(PATIENCE)
        self._executor.shutdown()

    # --- what a test does ---------------------------------------------------------------------------------------------

    def requests(self, api_key: int | None = None) -> list[Request]:
        """The requests that came, of one kind or of all, refused ones included."""
        return [request for request in self._requests[:] if api_key in (None, request.api_key)]

    def refuse(self, api_key: int, error: int, times: int = 1) -> None:
        """Answer the next `times` requests of a kind with `error`; the broker does not see them."""
        self._do(lambda: self._refusals.setdefault(api_key, []).extend([error] * times))

    def cut(self) -> None:
        """Close all connections, and each new one at once."""
        self._do(self._cut)

    def blackhole(self) -> None:
        """Keep connections open, also new ones, and pass nothing on in either direction."""
        self._do(self._open.clear)

    def heal(self) -> None:
        """Pass everything on again; what was held up comes late."""
        self._do(self._heal)

    # --- in the proxy's thread ----------------------------------------------------------------------------------------

    def _do(self, act: Callable[[], T]) -> T:
        async def now() -> T:
            return act()

        return asyncio.run_coroutine_threadsafe(now(), self._loop).result(PATIENCE)

    def _cut(self) -> None:
        self._is_cut = True
        for writer in self._writers:
            writer.transport.abort()

    def _heal(self) -> None:
        self._is_cut = False
        self._open.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._closing, self._open = asyncio.Event(), asyncio.Event()
        self._open.set()
        server = await asyncio.start_server(self._connection, HOST, self._port)
        self._is_ready.set()
        await self._closing.wait()
        server.close()
        self._cut()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._open.wait()
            if self._is_cut:
                return
            from_broker, to_broker = await asyncio.open_connection(HOST, self._broker_port)
            self._writers.add(to_broker)
            owed: Owed = asyncio.Queue()
            try:
                await _first(self._ask(reader, to_broker, owed), self._answer(from_broker, writer, owed))
            finally:
                to_broker.transport.abort()
                self._writers.discard(to_broker)
        except OSError:
            pass  # the broker is away: so is the proxy
        finally:
            writer.transport.abort()
            self._writers.discard(writer)

    async def _ask(self, reader: asyncio.StreamReader, to_broker: asyncio.StreamWriter, owed: Owed) -> None:
        while True:
            frame = await _read(reader)
            await self._open.wait()
            request = read_request(frame)
            self._requests.append(request)
            if errors := self._refusals.get(request.api_key):
                owed.put_nowait(refusal(request, errors.pop(0)))
            else:
                owed.put_nowait(None)
                to_broker.write(struct.pack(">i", len(frame)) + frame)
                await to_broker.drain()

    async def _answer(self, from_broker: asyncio.StreamReader, writer: asyncio.StreamWriter, owed: Owed) -> None:
        while True:
            answer = await owed.get()
            if answer is None:
                frame = await _read(from_broker)
                answer = struct.pack(">i", len(frame)) + frame
            await self._open.wait()
            writer.write(answer)
            await writer.drain()


async def _read(reader: asyncio.StreamReader) -> bytes:
    (length,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(length)


async def _first(*waits: Coroutine[Any, Any, None]) -> None:
    """Run both ways of a connection until one of them ends, which ends the other."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError, asyncio.IncompleteReadError, OSError):
                await task
