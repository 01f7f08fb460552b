"""Agents of other kinds: several bodies at once, sinks, derived streams, and what a rebalance does to them."""

import asyncio
from typing import Any

import pytest
from faust.types import TP

from framework.backoff import Backoff
from framework.streams.agents import agent as agents
from tests.unit.streams.agents.test_agent import Failing, settled
from tests.unit.streams.fakes import FLIGHTS, run, settle
from tests.unit.streams.feeding import Feeding, fed, start_agent


class Together:
    """Bodies of one agent that stay at their records until they are let go.

    Attributes:
        at: `{value: its gate}` of those that are in a body now.
        got: all that was given.
    """

    def __init__(self) -> None:
        self.at: dict[int, asyncio.Event] = {}
        self.got: list[int] = []
        self.failing: set[int] = set()

    async def body(self, stream: Any) -> None:
        async for value in stream:
            self.got.append(value)
            self.at[value] = asyncio.Event()
            await self.at[value].wait()
            del self.at[value]
            if value in self.failing:
                self.failing.remove(value)
                raise ValueError(f"bad {value}")

    async def finish(self, *values: int) -> None:
        for value in values:
            self.at[value].set()
        await settle()

    async def finish_all(self) -> None:
        for _ in range(50):
            await self.finish(*self.at)
            await asyncio.sleep(0.002)


class TestConcurrency:
    def test_each_body_has_a_record_of_its_own(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                together = Together()
                await start_agent(feeding, together.body, concurrency=3)
                feeding.feed(0, 1, 2, 3)
                await settle()
                assert sorted(together.at) == [0, 1, 2]
                assert feeding.consumer.in_flight() == [f"flights[0]@{offset}" for offset in range(3)]

        run(scenario)

    def test_commit_waits_for_the_slowest(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                together = Together()
                await start_agent(feeding, together.body, concurrency=3)
                feeding.feed(0, 1, 2, 3)
                await settle()
                await together.finish(1, 2)
                assert (sorted(together.at), feeding.committable()) == ([0, 3], 0)
                await together.finish(0)
                assert feeding.committable() == 3
                await together.finish(3)
                assert feeding.committable() == 4

        run(scenario)

    def test_one_that_fails_comes_again(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                together = Together()
                together.failing = {1}
                await start_agent(feeding, together.body, concurrency=3)
                feeding.feed(*range(6))
                await settle()
                await together.finish_all()
                assert sorted(together.got) == [0, 1, 1, 2, 3, 4, 5]
                assert (feeding.committable(), feeding.crashes) == (6, [])

        run(scenario)

    def test_those_that_fail_in_one_moment(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                together = Together()
                together.failing = {0, 1, 2}
                agent = await start_agent(feeding, together.body, concurrency=3)
                feeding.feed(0, 1, 2)
                await settle()
                await together.finish(0, 1, 2)
                async with asyncio.timeout(2.0):
                    while len(together.got) < 6:
                        await asyncio.sleep(0.005)
                assert sorted(together.got) == [0, 0, 1, 1, 2, 2]
                assert (agent.supervisor.crashed, feeding.crashes) == (False, [])

        run(scenario)

    def test_one_that_fails_while_another_is_replaced(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                together = Together()
                together.failing = {0, 1, 2, 3}
                await start_agent(feeding, together.body, concurrency=4)
                feeding.feed(0, 1, 2, 3)
                await settle()
                await together.finish(0, 1, 2)
                # While the supervisor lets the third one wait.
                await asyncio.sleep(0.004)
                await together.finish(3)
                async with asyncio.timeout(2.0):
                    while len(together.got) < 8:
                        await asyncio.sleep(0.005)

        run(scenario)

    def test_lists_at_once(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                failing = Failing(v1=1)
                # On a busy machine a turn ends in the middle of a list, and three have one record each.
                failing.within = 0.02
                await start_agent(feeding, failing.list_body, concurrency=3)
                feeding.feed(*range(6))
                await settled(feeding)
                assert {value for values in failing.got for value in values} == set(range(6))
                assert feeding.committable() == 6

        run(scenario)


class TestRevoke:
    """A rebalance between a failure and the next body: nobody is at the record, so nobody has to be waited for."""

    @pytest.fixture(autouse=True)
    def _long_pauses(self, monkeypatch: pytest.MonkeyPatch, _short_pauses: None) -> None:
        monkeypatch.setattr(agents, "PAUSES", Backoff(initial=0.3, maximum=0.3))

    @staticmethod
    async def fail(feeding: Feeding, failing: Failing, *, as_lists: bool = False, concurrency: int = 1) -> None:
        body = failing.list_body if as_lists else failing.body
        await start_agent(feeding, body, concurrency=concurrency)
        feeding.feed(0, 1, 2, 3)
        await settle()

    KINDS = pytest.mark.parametrize(("as_lists", "concurrency"), [(False, 1), (True, 1), (False, 2)])

    @KINDS
    def test_does_not_wait(self, as_lists: bool, concurrency: int) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                await self.fail(feeding, Failing(v1=2), as_lists=as_lists, concurrency=concurrency)
                assert await feeding.revoke_in_time(0.2)
                assert feeding.committed.get(FLIGHTS, 0) <= 1

        run(scenario)

    @KINDS
    def test_next_body_gets_nothing_of_it(self, as_lists: bool, concurrency: int) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                failing = Failing(v1=2)
                await self.fail(feeding, failing, as_lists=as_lists, concurrency=concurrency)
                before = len(failing.got)
                feeding.revoke()
                feeding.consumer.ledger.forget(FLIGHTS)
                await asyncio.sleep(0.4)
                assert len(failing.got) == before
                feeding.feed(7)
                await settle()
                assert len(failing.got) == before + (0 if as_lists else 1)

        run(scenario)

    @KINDS
    def test_of_a_worker_that_ends_because_of_it(self, as_lists: bool, concurrency: int) -> None:
        async def scenario() -> None:
            async with fed(agent_tries=1) as feeding:
                await self.fail(feeding, Failing(v1=2), as_lists=as_lists, concurrency=concurrency)
                assert feeding.crashes
                assert feeding.consumer.in_flight() == []

        run(scenario)

    def test_nobody_begins_with_the_record_that_ends_the_worker(self) -> None:
        async def scenario() -> None:
            async with fed(agent_tries=1) as feeding:
                failing = Failing(v1=99)
                await self.fail(feeding, failing, concurrency=2)
                assert failing.got.count(1) == 1

        run(scenario)


class TestSinks:
    def test_yielded_values(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                sunk: list[Any] = []

                async def body(stream: Any) -> Any:
                    async for value in stream:
                        yield value * 10

                await start_agent(feeding, body, sink=[sunk.append])
                feeding.feed(0, 1, 2)
                await settled(feeding)
                assert (sunk, feeding.committable()) == ([0, 10, 20], 3)

        run(scenario)

    def test_record_of_a_sink_that_fails_comes_again(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                failing = Failing(v1=1)

                async def body(stream: Any) -> Any:
                    async for value in stream:
                        yield value

                await start_agent(feeding, body, sink=[failing.look_at])
                feeding.feed(0, 1, 2)
                await settled(feeding)
                assert (failing.got, feeding.committable()) == ([0, 1, 1, 2], 3)

        run(scenario)


class TestDerivedStreams:
    @pytest.mark.parametrize("way", ["group_by", "through"])
    def test_body_after_a_failure_goes_on_with_them(self, way: str) -> None:
        async def scenario() -> None:
            regrouped = TP("regrouped", 0)
            async with fed(FLIGHTS, regrouped) as feeding:
                failing = Failing(v11=1)
                topic = feeding.app.topic(regrouped.topic)
                sent: list[Any] = []

                async def send(*args: Any, value: Any = None, **kwargs: Any) -> None:
                    sent.append(value)

                topic.send = send

                async def body(stream: Any) -> None:
                    if way == "group_by":
                        derived = stream.group_by(lambda value: value, name="x", topic=topic)
                    else:
                        derived = stream.through(topic)
                    async for value in derived:
                        failing.look_at(value)

                feeding.app.topics.maybe_wait_for_subscriptions = _at_once
                await start_agent(feeding, body)
                feeding.feed(10, 11)
                feeding.feed(11, 12, tp=regrouped)
                await settled(feeding)
                await asyncio.sleep(0.1)
                await settle()
                assert failing.got == [11, 11, 12]
                assert (feeding.committable(regrouped), feeding.committable()) == (13, 12)
                feeding.feed(13, tp=regrouped)
                await settle()
                assert failing.got == [11, 11, 12, 13]

        run(scenario)


async def _at_once() -> None:
    """The topics are subscribed to."""
