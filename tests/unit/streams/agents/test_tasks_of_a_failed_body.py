"""Tasks that a body has begun may outlive its failure: what they read then is the next body's."""

import asyncio
import time
from typing import Any

import faust
import pytest

from framework.backoff import Backoff
from framework.streams.agents import agent, leaving, turns
from tests.unit.streams.agents.test_what_nobody_has_seen import until
from tests.unit.streams.fakes import run, settle
from tests.unit.streams.feeding import Feeding, fed, start_agent


class Bodies:
    """Bodies of one agent, of which the first fails while a task that it has begun goes on.

    Attributes:
        got: `{number of the body: what its task got}`.
        fails: open when the first body is to fail.
    """

    def __init__(self) -> None:
        self.got: dict[int, list[Any]] = {}
        self.fails = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    async def body(self, stream: Any) -> None:
        got: list[Any] = []
        self.got[len(self.got) + 1] = got
        self.tasks.append(asyncio.create_task(self.read(self.prepared(stream), got)))
        if len(self.got) == 1:
            await self.fails.wait()
            raise ValueError("fails once")
        await self.tasks[-1]

    def prepared(self, stream: Any) -> Any:
        return stream

    async def read(self, stream: Any, got: list[Any]) -> None:
        async for value in stream:
            got.append(value)

    async def are_done(self, feeding: Feeding, *, count: int) -> None:
        """Wait until all is done, and the seat could be given up."""
        await until(lambda: feeding.committable() == count)
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        assert await feeding.revoke_in_time()


class Lists(Bodies):
    """The task takes lists."""

    async def read(self, stream: Any, got: list[Any]) -> None:
        async for values in stream.take(500, within=0.1):
            got.append(values)


def test_list_that_is_not_full_when_the_body_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TURN", 0.0005)

    async def scenario() -> None:
        async with fed() as feeding:
            bodies = Lists()
            (actor,) = (await start_agent(feeding, bodies.body))._actors
            feeding.feed(*range(300))
            while not actor.stream.listed:
                await asyncio.sleep(0)
            assert len(actor.stream.listed) < 300
            bodies.fails.set()
            await bodies.are_done(feeding, count=300)
            assert bodies.got == {1: [], 2: [[*range(300)]]}

    run(scenario)


class Slow(Bodies):
    """A processor takes its time."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = 0

    def prepared(self, stream: Any) -> Any:
        stream.add_processor(self._process)
        return stream

    async def _process(self, value: int) -> int:
        self.entered += 1
        await asyncio.sleep(0.01)
        return value


class SlowLists(Slow):
    """The task takes lists, one record of which is in a processor."""

    async def read(self, stream: Any, got: list[Any]) -> None:
        async for values in stream.take(4, within=0.1):
            got += values


@pytest.mark.parametrize("kind", [Slow, SlowLists])
def test_processor_has_a_record_when_the_body_fails(kind: type[Slow]) -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            bodies = kind()
            await start_agent(feeding, bodies.body)
            feeding.feed(*range(8))
            await until(lambda: bodies.entered == 2)
            bodies.fails.set()
            await bodies.are_done(feeding, count=8)
            in_first = [0] if kind is Slow else []
            assert bodies.got == {1: in_first, 2: [value for value in range(8) if value not in in_first]}

    run(scenario)


class SlowSchema(faust.Schema):
    """Of the app's own, and waits for something."""

    waits = 0

    def compile(self, app: Any, **options: Any) -> Any:
        decode: Any = super().compile(app, **options)

        async def slowly(*args: Any, **kwargs: Any) -> Any:
            SlowSchema.waits += 1
            await asyncio.sleep(0.01)
            return await decode(*args, **kwargs)

        return slowly


class PlainLists(Bodies):
    """The task takes lists of one."""

    async def read(self, stream: Any, got: list[Any]) -> None:
        async for values in stream.take(1, within=0):
            got += values


@pytest.mark.parametrize("kind", [Bodies, PlainLists])
def test_schema_has_a_record_when_the_body_fails(kind: type[Bodies], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SlowSchema, "waits", 0)

    async def scenario() -> None:
        async with fed() as feeding:
            bodies = kind()
            topic = feeding.app.topic("flights", schema=SlowSchema(value_type=int))
            await feeding.app.agent(topic)(bodies.body).start()
            await settle()
            await feeding.index()
            feeding.feed(*range(4))
            await until(lambda: SlowSchema.waits == 2)
            bodies.fails.set()
            await bodies.are_done(feeding, count=4)
            assert bodies.got == {1: [0], 2: [1, 2, 3]}

    run(scenario)


class LongerThanATurn(Bodies):
    """The task is at each record for longer than a turn."""

    async def read(self, stream: Any, got: list[Any]) -> None:
        async for value in stream:
            got.append(value)
            if len(self.got) == 1 and len(got) == 3:
                self.fails.set()
            time.sleep(0.001)


def test_loop_that_waits_for_its_turn_when_the_body_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TURN", 0.0005)

    async def scenario() -> None:
        async with fed() as feeding:
            bodies = LongerThanATurn()
            await start_agent(feeding, bodies.body)
            feeding.feed(*range(40))
            await bodies.are_done(feeding, count=40)
            assert len(bodies.got[1]) <= 4
            assert [*bodies.got[1], *bodies.got[2]][-36:] == [*range(4, 40)]

    run(scenario)


class Insistent(Bodies):
    """The task begins one loop after the other."""

    async def read(self, stream: Any, got: list[Any]) -> None:
        for _ in range(10_000):
            async for value in stream:
                got.append(value)
                self.fails.set()
                await asyncio.sleep(0)
                break


class InsistentLists(Bodies):
    """The same with lists."""

    async def read(self, stream: Any, got: list[Any]) -> None:
        for _ in range(10_000):
            async for values in stream.take(1, within=1.0):
                got += values
                self.fails.set()
                await asyncio.sleep(0)
                break


@pytest.mark.parametrize("kind", [Insistent, InsistentLists])
def test_loops_that_are_begun_later_leave_others_time(kind: type[Bodies], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "PAUSES", Backoff(initial=0.2, maximum=0.2))
    begun = 0
    begin = leaving.Leaving._begin

    async def counted(self: Any, handle: Any) -> None:
        nonlocal begun
        begun += 1
        await begin(self, handle)

    monkeypatch.setattr(leaving.Leaving, "_begin", counted)

    async def scenario() -> None:
        async with fed() as feeding:
            bodies = kind()
            await start_agent(feeding, bodies.body)
            feeding.feed(*range(8))
            await until(lambda: len(bodies.got) == 2)
            assert begun < 20
            await bodies.are_done(feeding, count=8)

    run(scenario)
