"""A fake: it stands in for a worker process, and does only what the test tells it to."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from framework.lifecycle.link import Command, Report, WorkerSpec


class FakeHandle:
    """A fake of `WorkerHandle`.

    Attributes:
        told: the commands it was told, in order.
        was_killed: whether it was; it then ends with -9, as a process would.
    """

    def __init__(
        self, spec: WorkerSpec, on_report: Callable[[Any, Report], None], starting: Awaitable[Any] | None
    ) -> None:
        self.spec = spec
        self.told: list[Command] = []
        self.was_killed = False
        self.pid = 4711
        self._on_report = on_report
        self._starting = starting
        self._exited: asyncio.Future[int] | None = None

    async def start(self) -> None:
        if self._starting is not None:
            await self._starting
        self._exited = asyncio.get_running_loop().create_future()

    @property
    def is_alive(self) -> bool:
        return self._exited is not None and not self._exited.done()

    async def wait(self) -> int:
        assert self._exited is not None
        return await asyncio.shield(self._exited)

    def on_exit(self, callback: Callable[[], None]) -> None:
        assert self._exited is not None
        self._exited.add_done_callback(lambda _: callback())

    def tell(self, command: Command) -> None:
        if self.is_alive:
            self.told.append(command)

    def kill(self) -> None:
        if self.is_alive:
            self.was_killed = True
            self.exit(-9)

    def report(self, report: Report) -> None:
        """Say something to the supervisor."""
        self._on_report(self, report)

    def exit(self, code: int) -> None:
        """End."""
        assert self._exited is not None
        self._exited.set_result(code)


class Processes(list[FakeHandle]):
    """All processes of one slot, in the order of their start; put in the place of the class `WorkerHandle`."""

    starting: Awaitable[Any] | None = None

    def __call__(self, spec: WorkerSpec, on_report: Callable[[Any, Report], None]) -> FakeHandle:
        self.append(FakeHandle(spec, on_report, self.starting))
        return self[-1]
