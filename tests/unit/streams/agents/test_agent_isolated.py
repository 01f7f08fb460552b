"""An agent with an actor a partition: one that is revoked has no actor and no channel any more, whatever it was at."""

import asyncio
import gc
from typing import Any

import pytest
from faust.types import TP

from framework.backoff import Backoff
from framework.streams.agents import agent as agents
from tests.unit.streams.agents.test_agent import Failing
from tests.unit.streams.fakes import FLIGHTS, run, settle
from tests.unit.streams.feeding import Feeding, fed, start_agent

OTHER = TP("flights", 1)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "PAUSES", Backoff(initial=0.05, maximum=0.05))


class Isolated:
    """A worker with such an agent.

    Attributes:
        failing: what its bodies do.
    """

    def __init__(self, feeding: Feeding, **failures: int) -> None:
        self.feeding, self.failing = feeding, Failing(**failures)
        self.agent: Any = None

    async def start(self, body: Any = None) -> None:
        self.agent = await start_agent(self.feeding, body or self.failing.body, isolated_partitions=True)
        await self.assign(FLIGHTS, OTHER)

    async def assign(self, *partitions: TP) -> None:
        """What Faust does with an assignment, in its order; the conductor insists on what belongs to it."""
        assigned, topics = set(partitions), self.feeding.app.topics
        before = set(self.agent._actor_by_partition)
        await self.agent.on_partitions_revoked({FLIGHTS, OTHER} - assigned)
        await self.agent.on_partitions_assigned(assigned - before)
        await topics.on_partitions_assigned(assigned)

    def feed(self, *records: Any, tp: TP = OTHER) -> None:
        self.feeding.feed(*records, tp=tp)

    def bodies(self) -> int:
        """How many are running."""
        return sum(not actor.actor_task.done() for actor in self.agent._actors)

    async def until(self, *got: Any) -> None:
        async with asyncio.timeout(5.0):
            while self.failing.got != list(got):
                await asyncio.sleep(0.005)
        await settle()


@pytest.mark.parametrize("when", ["it waits", "in its pause", "with another body", "with another body and no old one"])
def test_revoked_one_is_gone_and_comes_back(when: str) -> None:
    async def scenario() -> None:
        async with fed(FLIGHTS, OTHER) as feeding:
            isolated = Isolated(feeding, v1=0 if when == "it waits" else 1)
            await isolated.start()
            isolated.feed(1)
            await settle()
            if "another" in when:
                await isolated.until(1, 1)
            if "old" in when:
                gc.collect()
            before = len(isolated.failing.got)
            await isolated.assign(FLIGHTS)
            feeding.app.flow_control.clear()
            await asyncio.sleep(0.1)
            await settle()
            assert (len(isolated.failing.got), isolated.bodies()) == (before, 1)
            isolated.feed(7, tp=FLIGHTS)
            await settle()
            await isolated.assign(FLIGHTS, OTHER)
            isolated.feed(8)
            isolated.feed(9, tp=FLIGHTS)
            await settle()
            assert isolated.failing.got[before:] == [7, 8, 9]
            assert (isolated.bodies(), feeding.crashes) == (2, [])

    run(scenario)


def test_failed_one_goes_on_over_an_assignment_that_leaves_it() -> None:
    async def scenario() -> None:
        async with fed(FLIGHTS, OTHER) as feeding:
            isolated = Isolated(feeding, v1=1)
            await isolated.start()
            isolated.feed(1)
            await settle()
            await isolated.assign(OTHER)
            await isolated.until(1, 1)
            isolated.feed(2)
            await isolated.until(1, 1, 2)
            assert isolated.bodies() == 1

    run(scenario)


def test_between_its_failure_and_the_next_body() -> None:
    async def scenario() -> None:
        async with fed(FLIGHTS, OTHER) as feeding:
            isolated = Isolated(feeding, v1=1)
            await isolated.start()
            replace, begun, go_on = isolated.agent.supervisor.replacement, asyncio.Event(), asyncio.Event()

            async def late(*args: Any) -> Any:
                begun.set()
                await go_on.wait()
                return await replace(*args)

            isolated.agent.supervisor.replacement = late
            isolated.feed(1)
            await asyncio.wait_for(begun.wait(), 5.0)
            await isolated.assign(FLIGHTS)
            # As at the end of a recovery; with the records goes what would have told a new body to end.
            feeding.app.flow_control.clear()
            go_on.set()
            await settle()
            assert isolated.bodies() == 1
            await isolated.assign(FLIGHTS, OTHER)
            isolated.feed(8)
            await settle()
            assert isolated.failing.got == [1, 8]

    run(scenario)


@pytest.mark.parametrize("failures", [0, 1])
def test_record_in_hand_is_in_nobodys_hand(failures: int, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with fed(FLIGHTS, OTHER) as feeding:
            isolated = Isolated(feeding, v1=failures)

            async def body(stream: Any) -> None:
                async for value in stream:
                    isolated.failing.look_at(value)
                    await asyncio.get_running_loop().create_future()

            await isolated.start(body)
            isolated.feed(1, 2)
            await isolated.until(*[1] * (failures + 1))
            caplog.clear()
            await isolated.assign(FLIGHTS)
            await settle()
            assert (isolated.bodies(), feeding.consumer.in_flight(), feeding.committable(OTHER)) == (1, [], 1)
            assert "Crashed" not in caplog.text

    run(scenario)
