"""Where supervisors put their control sockets, and whether such a folder can be trusted; talks to nobody."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

FOLDER = "framework"
SUFFIX = ".sock"


def own_folders(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where this user's supervisor puts its socket: the first of these that can be used.

    Args:
        environ: `{name: value}`; `XDG_RUNTIME_DIR` and `TMPDIR` are looked at.
    """
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    return (*([Path(runtime, FOLDER)] if runtime else []), _temporary(environ))


def searched_folders(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where a socket of this user may be: a supervisor started as a service has other variables than a person."""
    runtime = environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}"
    return Path(runtime, FOLDER), _temporary(environ)


def socket_of(folder: Path, pid: int) -> Path:
    """The socket of the supervisor with this process id."""
    return folder / f"{pid}{SUFFIX}"


def pid_of(socket: Path) -> int | None:
    """The process id that a file in such a folder names; None where it is no socket of ours."""
    return int(socket.stem) if socket.suffix == SUFFIX and socket.stem.isascii() and socket.stem.isdigit() else None


def flaw(folder: Path, user: int) -> str | None:
    """Why the folder cannot be trusted with commands: the end of a sentence; None if it can.

    Anybody may have made it first, or a link in its place, where it is to be in a folder that all share.

    Args:
        folder: to look at.
        user: who must own it.

    Raises:
        OSError: it cannot be looked at.
    """
    found = folder.lstat()
    if stat.S_ISLNK(found.st_mode):
        return "is a symbolic link"
    if not stat.S_ISDIR(found.st_mode):
        return "is not a folder"
    if found.st_uid != user:
        return f"belongs to another user ({found.st_uid})"
    if found.st_mode & 0o077:
        return f"is open to other users (mode {stat.S_IMODE(found.st_mode):o}, wanted 700)"
    return None


def _temporary(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("TMPDIR") or "/tmp", f"{FOLDER}-{os.geteuid()}")  # noqa: S108 - `flaw` looks at it
