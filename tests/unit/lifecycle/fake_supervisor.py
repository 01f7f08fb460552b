"""A control server with workers made by hand, in a loop and thread of its own."""

import asyncio
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from framework.lifecycle.control import ControlServer
from framework.lifecycle.status import WorkerStatus
from framework.states import WorkerState
from tests.unit.lifecycle.some_status import running, status_of

T = TypeVar("T")


class FakeSupervisor:
    """Its status can be changed from any thread."""

    def __init__(self, *workers: WorkerStatus) -> None:
        self.status = status_of(*(workers or (running(0), running(1))))
        self.leaves = 0
        self.on_leave: Callable[[FakeSupervisor], None] = FakeSupervisor.stop_all
        self.control = ControlServer(lambda: self.status, self._leave)
        self._loop = asyncio.new_event_loop()

    def _leave(self) -> None:
        self.leaves += 1
        self.status = replace(self.status, is_stopping=True)
        self.on_leave(self)

    def change(self, slot: int, **changes: Any) -> None:
        """A worker is further on."""
        workers = [replace(each, **changes) if each.slot == slot else each for each in self.status.workers]
        self.status = replace(self.status, workers=tuple(workers))

    def stop_all(self) -> None:
        for worker in self.status.workers:
            self.change(worker.slot, state=WorkerState.STOPPING)

    def end(self, slot: int, *, has_left: bool) -> None:
        self.change(slot, state=WorkerState.STOPPED, has_ended=True, has_left=has_left)

    def end_all(self) -> None:
        for worker in self.status.workers:
            self.end(worker.slot, has_left=True)

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run in its loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)

    @contextmanager
    def serving(self, environ: dict[str, str]) -> Iterator["FakeSupervisor"]:
        """Answer until the body is done."""
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        try:
            self.call(self.control.start(environ))
            yield self
            self.call(self.control.close())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()


@contextmanager
def short_folder() -> Iterator[Path]:
    """A new folder with a short name: a socket's path has 108 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="fw-") as folder:
        yield Path(folder)
