"""Reaps orphans when this process is the first of its container; its children are left to whoever waits for them."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import forkserver, resource_tracker
from pathlib import Path


class Reaper:
    """As a context manager: reaps while the body runs, if this process is the first of its container.

    Args:
        is_init: default: whether the process id is 1.
    """

    def __init__(self, *, is_init: bool | None = None) -> None:
        self._is_init = os.getpid() == 1 if is_init is None else is_init

    def __enter__(self) -> "Reaper":
        if self._is_init:
            asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, reap_orphans)
            reap_orphans()
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_init:
            asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)


def reap_orphans() -> None:
    """Take the exit status of each dead child that nobody else waits for."""
    # multiprocessing waits for these two by itself, and takes a missing child for a bug.
    ours = {forkserver._forkserver._forkserver_pid, resource_tracker._resource_tracker._pid}  # type: ignore[attr-defined]
    for pid in _dead_children():
        if pid not in ours:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _dead_children() -> Iterator[int]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError, IndexError):
                # The second field is the name in parentheses and may itself hold spaces and parentheses.
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
                if state == "Z" and int(parent) == os.getpid():
                    yield int(folder.name)
