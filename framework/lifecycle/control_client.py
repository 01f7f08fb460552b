"""The commands' end of the control socket: finds the supervisors of this user on this machine, and asks them."""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from framework.errors import CheckFailedError, SupervisorUnreachableError
from framework.lifecycle.control_folder import flaw, pid_of, searched_folders
from framework.lifecycle.control_protocol import (
    Accepted,
    Command,
    Done,
    Progress,
    Refused,
    UnreadableLineError,
    decode_reply,
    encode,
)
from framework.lifecycle.status import Status

ANSWER_WITHIN = 2.0
"""Seconds that a supervisor gets to tell its status."""


@dataclass(frozen=True, slots=True)
class Found:
    """A supervisor of this user on this machine.

    Attributes:
        pid: its process id.
        socket: where to ask it.
        status: what it says; None if it does not answer in time, or in a form that this version does not know.
    """

    pid: int
    socket: Path
    status: Status | None


def find_supervisors(environ: Mapping[str, str], target: str | None = None) -> list[Found]:
    """Ask every supervisor of this user for its status; removes the sockets that dead ones left.

    Args:
        environ: `{name: value}`, says where to look.
        target: only those that run this `MODULE:APP`, and those that do not answer.
    """
    found = (supervisor for socket_path in _sockets(environ) if (supervisor := _ask(socket_path)) is not None)
    return [each for each in found if target is None or each.status is None or each.status.target == target]


def choose(found: Sequence[Found], target: str | None, pid: int | None) -> Found:
    """The one that is meant; pure.

    Args:
        found: all of this user.
        target: `MODULE:APP` that it must run.
        pid: process id that it must have.

    Raises:
        SupervisorUnreachableError: it is none of them, or more than one may be meant, or it does not answer.
    """
    meant = [each for each in found if pid in (None, each.pid)]
    answering = [each for each in meant if each.status is not None and target in (None, each.status.target)]
    if len(answering) == 1:
        return answering[0]
    if answering:
        raise SupervisorUnreachableError(
            f"More than one supervisor may be meant: {_listed(answering)}. Say which with --pid."
        )
    wanted = " ".join(
        [*([f"that runs {target}"] if target else []), *([f"with process id {pid}"] if pid is not None else [])]
    )
    others = f" Found: {_listed(found)}." if found else ""
    raise SupervisorUnreachableError(
        f"No supervisor {wanted or 'of this user'} answers on this machine.{others} Call the command on the machine or"
        " in the container of `framework run`, as the same user and with the same XDG_RUNTIME_DIR or TMPDIR."
    )


async def leave(
    supervisor: Found, *, holds_until_exit: bool = False
) -> AsyncGenerator[Accepted | Progress | Done, None]:
    """Ask a supervisor to stop its workers and leave the group, and tell how far they are.

    Yields `Accepted`, then a `Progress` for each change, and at last `Done`, when every worker has ended. Whoever stops
    listening earlier does not stop the leaving.

    Args:
        supervisor: whom to ask.
        holds_until_exit: keep the connection until this process has ended. A supervisor waits a moment for whoever is
            connected: where it is the first process of a container, its end is that of every process in there.

    Raises:
        SupervisorUnreachableError: it cannot be reached, or does not do it.
        CheckFailedError: it ended before it said how its workers did.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(supervisor.socket)
    except OSError as error:
        raise _unreachable(supervisor, f"cannot be reached ({error})") from error
    is_accepted = False
    try:
        writer.write(encode(Command.LEAVE))
        while (reply := await _next_reply(supervisor, reader)) is not None:
            is_accepted = True
            if isinstance(reply, Done) and holds_until_exit:
                # Closed by the operating system, and not by the `close` below, which closes only one of the two.
                os.dup(writer.get_extra_info("socket").fileno())
            yield reply
            if isinstance(reply, Done):
                return
    finally:
        writer.close()
    if not is_accepted:
        raise _unreachable(supervisor, "closed the connection without an answer")
    raise CheckFailedError(
        f"The supervisor with process id {supervisor.pid} ended before it said whether its workers have left. Look at"
        " the group with `framework group describe`."
    )


async def _next_reply(supervisor: Found, reader: asyncio.StreamReader) -> Accepted | Progress | Done | None:
    """What it says next; None when it has closed the connection."""
    try:
        line = await reader.readline()
        reply = decode_reply(line) if line else None
    except ConnectionError:
        return None
    except UnreadableLineError as error:
        raise _unreachable(supervisor, f"is of another version. {error}") from error
    if isinstance(reply, Refused):
        raise _unreachable(supervisor, f"refuses. {reply.error}")
    return reply


def _unreachable(supervisor: Found, why: str) -> SupervisorUnreachableError:
    return SupervisorUnreachableError(f"The supervisor with process id {supervisor.pid} {why}")


def _listed(found: Sequence[Found]) -> str:
    return ", ".join(
        f"pid {each.pid} ({'does not answer' if each.status is None else each.status.target})" for each in found
    )


def _sockets(environ: Mapping[str, str]) -> Iterator[Path]:
    for folder in searched_folders(environ):
        with suppress(OSError):
            if flaw(folder, os.geteuid()) is None:
                yield from sorted(path for path in folder.iterdir() if pid_of(path) is not None)


def _ask(path: Path) -> Found | None:
    """The supervisor behind a socket; None if it is dead."""
    pid = pid_of(path)
    assert pid is not None
    try:
        return Found(pid, path, TypeAdapter(Status).validate_json(_status_line(path)))
    except (ConnectionRefusedError, FileNotFoundError):
        # Nobody listens: left behind, or a supervisor that is just starting or ending.
        if not _is_alive(pid):
            with suppress(OSError):
                path.unlink()
        return None
    except (OSError, ValidationError):
        return Found(pid, path, None)


def _status_line(path: Path) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_WITHIN)
        connection.connect(str(path))
        connection.sendall(encode(Command.STATUS))
        with connection.makefile("rb") as answer:
            return answer.readline()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
