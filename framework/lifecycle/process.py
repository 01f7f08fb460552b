"""A worker process as its supervisor holds it: start, talk, signal, exit code; decides nothing."""

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection

from framework.lifecycle.interrupts import INTERRUPTS
from framework.lifecycle.link import Command, Link, Report, WorkerSpec

_FORK_SERVER_DIED = 255
"""What multiprocessing reports when it cannot know how a child ended."""

START_TRIES = 20
START_PAUSE = 0.05

_START = threading.Lock()
"""One start at a time: each looks away from `__main__` for a moment."""

OnReport = Callable[["WorkerHandle", Report], None]


def start_fork_server() -> None:
    """Start the process that workers are forked from; it has Faust loaded, so that a fork takes milliseconds.

    It ends by itself when this process does.
    """
    from multiprocessing import forkserver, resource_tracker

    multiprocessing.get_context("forkserver").set_forkserver_preload(["framework.lifecycle.preload"])
    # Started first and outside the mask: starting it unblocks two of the signals again.
    resource_tracker.ensure_running()
    with _without_main_module(), _interrupts_blocked():
        forkserver.ensure_running()


class WorkerHandle:
    """One worker process.

    Args:
        spec: which worker to be.
        on_report: called on the event loop with each report of the worker.
    """

    def __init__(self, spec: WorkerSpec, on_report: OnReport) -> None:
        context = multiprocessing.get_context("forkserver")
        self.spec = spec
        self._on_report = on_report
        self._connection, self._workers_end = context.Pipe()
        self._process = context.Process(target=_be_worker, args=(spec, self._workers_end), name=f"worker-{spec.slot}")
        self._exited: asyncio.Future[int] | None = None

    async def start(self) -> None:
        """Fork the process; its state is reported from here on."""
        loop = asyncio.get_running_loop()
        self._exited = loop.create_future()
        # In a thread, because the first start waits until the fork server has loaded everything.
        await asyncio.to_thread(self._start)
        self._workers_end.close()
        loop.add_reader(self._connection.fileno(), self._on_readable)
        loop.add_reader(self._process.sentinel, self._on_exit)

    def _start(self) -> None:
        """Fork, again and again for a moment.

        A fork server that was just killed is started anew, but not before it can be told from a living one: until its
        exit status is there, it still looks alive, and drops what it is asked (`EOFError`, or a refused connection).
        """
        for tries_left in reversed(range(START_TRIES)):
            try:
                # Blocked here too, because this may start the fork server.
                with _START, _without_main_module(), _interrupts_blocked():
                    return self._process.start()
            except (EOFError, OSError):
                if not tries_left:
                    raise
            time.sleep(START_PAUSE)

    @property
    def pid(self) -> int:
        """Process id."""
        assert self._process.pid is not None, "not started"
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it has started and not ended yet."""
        return self._exited is not None and not self._exited.done()

    async def wait(self) -> int:
        """Exit code, or the negative number of the signal that killed it."""
        assert self._exited is not None, "not started"
        return await asyncio.shield(self._exited)

    def on_exit(self, callback: Callable[[], None]) -> None:
        """Call `callback` once the process has ended."""
        assert self._exited is not None, "not started"
        self._exited.add_done_callback(lambda _: callback())

    def tell(self, command: Command) -> None:
        """Send a command; a worker that is just dying will not hear it."""
        with suppress(OSError):
            self._connection.send(command)

    def kill(self) -> None:
        """SIGKILL."""
        if self.is_alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def _on_readable(self) -> None:
        try:
            while self._connection.poll():
                self._on_report(self, self._connection.recv())
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(self._connection.fileno())

    def _on_exit(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._process.sentinel)
        self._process.join()
        if self._process.exitcode == _FORK_SERVER_DIED:
            # The worker may live on although nobody can tell how it will end; two of them would fight for one seat.
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        # Last words may still be in the pipe.
        self._on_readable()
        loop.remove_reader(self._connection.fileno())
        self._connection.close()
        assert self._exited is not None
        self._exited.set_result(self._process.exitcode or 0)


def _be_worker(spec: WorkerSpec, connection: Connection) -> None:
    from framework.lifecycle import worker

    worker.run(spec, Link(connection))


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Start the fork server with interrupts blocked, for good: one meant for the process group must not kill it.

    In this process they are delivered when the body is done. Workers unblock them for themselves.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _without_main_module() -> Iterator[None]:
    """Hide the file of `__main__` from multiprocessing, which would run the console script again in each child."""
    main = sys.modules["__main__"]
    hidden: dict[str, object] = {name: vars(main).pop(name) for name in ("__file__", "__spec__") if name in vars(main)}
    main.__spec__ = None
    try:
        yield
    finally:
        vars(main).update(hidden)
