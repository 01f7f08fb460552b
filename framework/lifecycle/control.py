"""The supervisor's end of the control socket: commands of the same user on the same machine; decides nothing."""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import structlog

from framework.lifecycle.control_folder import flaw, own_folders, socket_of
from framework.lifecycle.control_protocol import (
    Accepted,
    Command,
    Progress,
    Refused,
    UnreadableLineError,
    decode_command,
    done_of,
    encode,
    progress_of,
)
from framework.lifecycle.status import Status

log = structlog.get_logger(__name__)

LOOK_EVERY = 0.05
"""Seconds between looks at the workers while somebody waits for them to leave."""
BUSY_AFTER = 0.5
"""Seconds after which a socket that lets nobody in is taken for that of a busy process, not of a dead one."""
LINGER = 2.0
"""Seconds that a client gets to end after it was told that every worker has ended."""
ASK_WITHIN = 10.0
"""Seconds in which a client must have said what it wants."""


class ControlServer:
    """Answers `framework` commands over a Unix socket in a folder of this user.

    Args:
        status: what is known now; called on the event loop.
        leave: stops the workers and lets them leave their group; not called when they are being stopped already, for
            a second request must not look like a second interrupt, which gives up the work in flight.
    """

    def __init__(self, status: Callable[[], Status], leave: Callable[[], None]) -> None:
        self._status = status
        self._leave = leave
        self._is_leaving = False
        self._server: asyncio.Server | None = None
        self._path: Path | None = None
        self._talks: set[asyncio.Task[None]] = set()
        self._waiting: set[asyncio.Task[None]] = set()

    @property
    def path(self) -> Path | None:
        """The socket; None where there is none."""
        return self._path

    async def start(self, environ: Mapping[str, str]) -> None:
        """Begin to answer. Without a folder to use there is one warning, and everything but the commands works.

        Args:
            environ: `{name: value}`, says where the folder is.
        """
        problems: list[str] = []
        for folder in own_folders(environ):
            try:
                folder.mkdir(mode=0o700, exist_ok=True)
                problem = flaw(folder, os.geteuid()) or await self._listen(socket_of(folder, os.getpid()))
            except OSError as error:
                problem = f"cannot be used ({error})"
            if problem is None:
                return
            problems.append(f"{folder} {problem}")
        log.warning("control.unavailable", problems=problems, consequence="`framework leave` cannot reach this process")

    async def drained(self, timeout: float) -> bool:
        """Wait until whoever asked to leave knows the end of it; False if that takes more than `timeout` seconds.

        To be called when every worker has ended: before, there is more to tell.
        """
        if self._waiting:
            await asyncio.wait(set(self._waiting), timeout=timeout)
        return not self._waiting

    async def close(self) -> None:
        """Stop answering and remove the socket."""
        server, self._server = self._server, None
        path, self._path = self._path, None
        if server is None or path is None:
            return
        server.close()
        # First, so that nobody finds a socket that no longer answers.
        with suppress(OSError):
            path.unlink()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _listen(self, path: Path) -> str | None:
        """Take the socket; the end of a sentence if another process has it."""
        if _is_answered(path):
            return f"has a living socket {path.name} of a process with the same id, in another container perhaps"
        # A file that an earlier process with this id left behind is replaced.
        self._server = await asyncio.start_unix_server(self._accept, path)
        self._path = path
        return None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        assert talk is not None
        self._talks.add(talk)
        try:
            # A client that goes in the middle has no more wishes. Only `close` cancels, and knows that it did: a
            # handler that ends as cancelled is logged as a failure.
            with suppress(ConnectionError, TimeoutError, asyncio.CancelledError):
                await self._talk(reader, writer)
                writer.close()
                await writer.wait_closed()
        finally:
            self._talks.discard(talk)
            self._waiting.discard(talk)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            command = decode_command(await asyncio.wait_for(reader.readline(), ASK_WITHIN))
        # The first is a line longer than the reader takes.
        except ValueError as error:
            what = str(error) if isinstance(error, UnreadableLineError) else "The line is too long."
            writer.write(encode(Refused(what)))
            return await writer.drain()
        if command is Command.STATUS:
            writer.write(encode(self._status()))
            return await writer.drain()
        talk = asyncio.current_task()
        assert talk is not None
        self._waiting.add(talk)
        await self._tell_of_leave(reader, writer)

    async def _tell_of_leave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._is_leaving and not self._status().is_stopping:
            self._is_leaving = True
            self._leave()
        writer.write(encode(Accepted()))
        told: dict[int, Progress] = {}
        # A client that closes its side listens no more.
        while not reader.at_eof():
            status = self._status()
            for now in map(progress_of, status.workers):
                if told.get(now.slot) != now:
                    told[now.slot] = now
                    writer.write(encode(now))
            if (done := done_of(status)) is not None:
                writer.write(encode(done))
                await writer.drain()
                return await _until_closed(reader)
            await writer.drain()
            await asyncio.sleep(LOOK_EVERY)


async def _until_closed(reader: asyncio.StreamReader) -> None:
    """Wait for the end of a command that has been told everything.

    The end of a container's first process is the end of all others, and a command that is killed reports nothing.
    """
    with suppress(TimeoutError):
        await asyncio.wait_for(reader.read(), LINGER)


def _is_answered(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(BUSY_AFTER)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except TimeoutError:
            return True
    return True
