"""A slot that is being kept, whose processes are fakes."""

import asyncio
from collections.abc import Awaitable, Callable

from framework.backoff import Backoff
from framework.lifecycle.link import Failed, Moved, WorkerSpec
from framework.lifecycle.restart_policy import RestartPolicy
from framework.lifecycle.slot import Slot
from framework.states import WorkerState
from tests.unit.lifecycle.fake_handle import FakeHandle, Processes

POLICY = RestartPolicy(Backoff(initial=0.001, maximum=0.002), limit=2, reset_after=60.0)

Scenario = Callable[[], Awaitable[None]]

UP = (WorkerState.LOADED, WorkerState.CONNECTING, WorkerState.STARTING, WorkerState.RUNNING)


def run(scenario: Scenario) -> None:
    """Run a test's body in a loop of its own."""
    asyncio.run(asyncio.wait_for(scenario(), 10.0))


async def until(holds: Callable[[], object]) -> None:
    """Let the others go on until something holds."""
    async with asyncio.timeout(5.0):
        while not holds():
            await asyncio.sleep(0)


class Kept:
    """A slot that is being kept.

    Attributes:
        failures: what it told the person.
        changes: how often it said that something has changed.
    """

    def __init__(self, policy: RestartPolicy = POLICY) -> None:
        self.failures: list[Failed] = []
        self.changes = 0
        self.slot = Slot(WorkerSpec("shop:app"), policy, self.failures.append, self._count)
        self.keeping = asyncio.ensure_future(self.slot.keep())

    def _count(self) -> None:
        self.changes += 1

    async def sent_off(self, processes: Processes, number: int = 0) -> FakeHandle:
        """The process with this number, once it was told to go."""
        await until(lambda: len(processes) > number and processes[number].told)
        return processes[number]

    async def rolling(self, processes: Processes) -> "asyncio.Task[bool]":
        """A roll of the first process, once the second has loaded and the first was told to stop."""
        replacing = asyncio.create_task(self.slot.replace(5.0))
        await until(lambda: len(processes) == 2 and processes[1].is_alive)
        processes[1].report(Moved(WorkerState.LOADED))
        await until(lambda: len(processes[0].told) == 2)
        return replacing

    async def running(self, processes: Processes, number: int = 0) -> FakeHandle:
        """The same, once it runs."""
        process = await self.sent_off(processes, number)
        for state in UP:
            process.report(Moved(state))
        return process
