"""However a body fails, and in whichever of its tasks and streams: the record that it had comes again."""

import asyncio
import copy
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import faust
import pytest
from faust.serializers import codecs
from faust.types import TP
from orjson import loads

from framework.errors import AgentFailedError, TaskCancelledError
from tests.unit.streams.fakes import FLIGHTS, run, settle
from tests.unit.streams.feeding import Feeding, fed, raw, start_agent

COUNT, BAD = 6, 1


class PanicError(BaseException):
    """What extensions in Rust raise."""


class Work:
    """What a body does with each value: fails at one of them once, in some way.

    Attributes:
        feeding: the worker.
        error: what is raised; None to have something cancelled that the body awaits.
        done: the values that it has not failed at.
    """

    def __init__(self, feeding: Feeding, error: type[BaseException] | None = ValueError) -> None:
        self.feeding, self.error = feeding, error
        self.done: list[int] = []
        self._is_to_fail = True

    async def on(self, value: int) -> None:
        await self.look_at(value)
        self.done.append(value)

    async def look_at(self, value: int) -> None:
        if value == BAD and self._is_to_fail:
            self._is_to_fail = False
            if self.error is not None:
                raise self.error("fails once")
            cancelled = asyncio.get_running_loop().create_future()
            cancelled.cancel()
            await cancelled

    async def loop(self, values: Any) -> None:
        async for value in values:
            await self.on(value)


Body = Callable[[Work, Any], Awaitable[None]]


async def plain(work: Work, stream: Any) -> None:
    await work.loop(stream)


async def in_async_with(work: Work, stream: Any) -> None:
    async for event in stream.events():
        async with event:
            await work.on(event.value)


async def in_async_with_by_hand(work: Work, stream: Any) -> None:
    async for event in stream.noack().events():
        async with event:
            await work.on(event.value)


async def in_a_task(work: Work, stream: Any) -> None:
    await asyncio.create_task(work.loop(stream))


async def in_a_task_group(work: Work, stream: Any) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(work.loop(stream))
        group.create_task(asyncio.sleep(60.0))


async def beside_a_task(work: Work, stream: Any) -> None:
    """The body fails while a task of it is at the record."""
    is_there = asyncio.Event()

    async def read() -> None:
        async for value in stream:
            if value == BAD and work._is_to_fail:
                is_there.set()
                await asyncio.sleep(60.0)
            await work.on(value)

    reader = asyncio.create_task(read())
    try:
        await is_there.wait()
        await work.look_at(BAD)
    finally:
        reader.cancel()


async def one_ahead(work: Work, stream: Any) -> None:
    """Each value is asked for by a task, so that the body can do something else while there is none."""
    values = aiter(stream)
    following = asyncio.ensure_future(anext(values))
    while True:
        await asyncio.wait([following], timeout=0.03)
        if following.done():
            await work.on(following.result())
            following = asyncio.ensure_future(anext(values))
        else:
            # It fails here, and the task goes on waiting.
            await work.look_at(BAD)


async def from_a_clone(work: Work, stream: Any) -> None:
    await work.loop(stream.clone())


async def from_a_copy(work: Work, stream: Any) -> None:
    await work.loop(copy.copy(stream))


async def from_a_stream_on_its_channel(work: Work, stream: Any) -> None:
    await work.loop(work.feeding.app.stream(stream.channel))


async def in_lists(work: Work, stream: Any) -> None:
    async for values in stream.take(2, within=0.05):
        for value in values:
            await work.look_at(value)
        work.done += values


async def in_lists_by_hand(work: Work, stream: Any) -> None:
    """Those of a list are acknowledged together, when all of it is done."""
    listed: list[Any] = []
    async for event in stream.noack().events():
        listed.append(event)
        if len(listed) == 3:
            for each in listed:
                await work.look_at(each.value)
            work.done += [each.value for each in listed]
            for each in listed:
                each.ack()
            listed = []


async def in_a_filter(work: Work, stream: Any) -> None:
    async def is_good(value: int) -> bool:
        await work.look_at(value)
        return True

    async for value in stream.filter(is_good):
        work.done.append(value)


async def in_a_filter_of_lists(work: Work, stream: Any) -> None:
    async def is_good(value: int) -> bool:
        await work.look_at(value)
        return True

    async for values in stream.filter(is_good).take(2, within=0.05):
        work.done += values


BODIES: list[Body] = [
    *(plain, in_async_with, in_async_with_by_hand, in_a_task, one_ahead, from_a_clone, from_a_copy),
    *(from_a_stream_on_its_channel, in_lists, in_lists_by_hand, in_a_filter, in_a_filter_of_lists),
]


async def finished(feeding: Feeding, work: Work, count: int = COUNT) -> None:
    """Until everything is, or nothing happens any more."""
    for _ in range(200):
        await asyncio.sleep(0.005)
        if feeding.committable() == count and len(work.done) >= count:
            break
    gc.collect()
    await settle()


@pytest.mark.parametrize("error", [TimeoutError, PanicError, None], ids=str)
@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_record_comes_again(body: Body, error: type[BaseException] | None) -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            work = Work(feeding, error)
            await start_agent(feeding, lambda stream: body(work, stream))
            feeding.feed(*range(COUNT))
            await finished(feeding, work)
            assert sorted(set(work.done)) == list(range(COUNT))
            assert (feeding.committable(), feeding.crashes, feeding.consumer.in_flight()) == (COUNT, [], [])
            assert await feeding.revoke_in_time()

    run(scenario)


@pytest.mark.parametrize("body", [beside_a_task, in_a_task_group])
def test_record_of_a_task_comes_again_where_the_body_fails(body: Body) -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            work = Work(feeding)
            await start_agent(feeding, lambda stream: body(work, stream))
            feeding.feed(*range(COUNT))
            await finished(feeding, work)
            assert (work.done, feeding.committable(), feeding.crashes) == ([*range(COUNT)], COUNT, [])

    run(scenario)


def test_task_that_waits_for_a_failed_body_gets_nothing() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            work = Work(feeding)
            await start_agent(feeding, lambda stream: one_ahead(work, stream))
            await asyncio.sleep(0.1)
            assert not work._is_to_fail
            for n in range(COUNT):
                feeding.feed(n)
            await finished(feeding, work)
            assert (work.done, feeding.committable(), feeding.crashes) == ([*range(COUNT)], COUNT, [])

    run(scenario)


def test_processor_that_lets_a_stop_out() -> None:
    """`StopAsyncIteration` of something else does not end the loop."""

    async def scenario() -> None:
        async with fed() as feeding:
            work = Work(feeding, StopAsyncIteration)
            await start_agent(feeding, lambda stream: in_a_filter(work, stream))
            feeding.feed(*range(COUNT))
            await finished(feeding, work)
            assert (work.done, feeding.committable()) == ([*range(COUNT)], COUNT)

    run(scenario)


def test_body_that_is_always_cancelled_within_ends_the_worker() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            tries: list[int] = []

            async def body(stream: Any) -> None:
                async for value in stream:
                    tries.append(value)
                    cancelled = asyncio.get_running_loop().create_future()
                    cancelled.cancel()
                    await cancelled

            await start_agent(feeding, body)
            feeding.feed(0, 1)
            await asyncio.sleep(0.3)
            assert tries == [0, 0, 0]
            assert isinstance(feeding.crashes[0], AgentFailedError)

    run(scenario)


def test_handler_that_is_cancelled_within_does_not_end_the_agent() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            work = Work(feeding)

            async def on_error(*_: Any) -> None:
                cancelled = asyncio.get_running_loop().create_future()
                cancelled.cancel()
                await cancelled

            feeding.app._on_agent_error = on_error
            await start_agent(feeding, lambda stream: plain(work, stream))
            feeding.feed(*range(COUNT))
            await finished(feeding, work)
            assert (work.done, feeding.committable()) == ([*range(COUNT)], COUNT)

    run(scenario)


def test_stream_that_the_next_body_will_not_read_ends_the_worker() -> None:
    """Each body makes it anew, so that nobody would come for the record."""

    async def scenario() -> None:
        other = TP("other", 0)
        async with fed(FLIGHTS, other) as feeding:
            work = Work(feeding)
            topic = feeding.app.topic(FLIGHTS.topic)

            async def body(_: Any) -> None:
                await work.loop(topic.stream())

            await start_agent(feeding, body, topic=other.topic)
            await settle()
            await feeding.index()
            feeding.feed(*range(COUNT))
            await finished(feeding, work)
            (error,) = feeding.crashes
            assert isinstance(error, AgentFailedError)
            assert "flights[0]@1" in str(error)
            assert feeding.committable() == BAD

    run(scenario)


@pytest.mark.parametrize("error", [PanicError, MemoryError])
def test_codec_that_raises_what_is_no_failure_to_decode(error: type[BaseException]) -> None:
    """Its record comes again, and not the one before."""
    failures = [error("once")]

    class Codec(codecs.Codec):
        def _loads(self, raw_value: bytes) -> Any:
            value = loads(raw_value)
            if value == BAD and failures:
                raise failures.pop()
            return value

    async def scenario() -> None:
        async with fed() as feeding:
            got: list[int] = []

            async def body(stream: Any) -> None:
                async for value in stream:
                    got.append(value)

            topic = feeding.app.topic("flights", value_serializer=Codec())
            await feeding.app.agent(topic)(body).start()
            await settle()
            await feeding.index()
            feeding.feed(*range(COUNT))
            async with asyncio.timeout(2.0):
                while feeding.committable() != COUNT:
                    await asyncio.sleep(0.005)
            assert got == [*range(COUNT)]

    run(scenario)


def test_schema_that_fails_is_no_undecodable_record() -> None:
    """A registry that is away for a moment, say."""

    class Schema(faust.Schema):
        tries = 0

        def loads_value(self, app: Any, message: Any, **kwargs: Any) -> Any:
            if message.offset == BAD and Schema.tries < 2:
                Schema.tries += 1
                raise ConnectionError("the registry is away")
            return super().loads_value(app, message, **kwargs)

    async def scenario() -> None:
        async with fed() as feeding:
            work = Work(feeding, None)
            work._is_to_fail = False
            agent = feeding.app.agent(feeding.app.topic("flights", schema=Schema()))(lambda stream: plain(work, stream))
            await agent.start()
            await settle()
            await feeding.index()
            feeding.feed(*range(COUNT))
            await finished(feeding, work)
            assert (work.done, feeding.committable()) == ([*range(COUNT)], COUNT)
            await agent.stop()

    run(scenario)


@pytest.mark.parametrize("as_lists", [False, True])
def test_handler_of_undecodable_records_that_fails_is_tried_again(as_lists: bool) -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            work = Work(feeding)
            kept: list[int] = []

            async def keep(_: Any, message: Any) -> None:
                await work.look_at(message.offset)
                kept.append(message.offset)

            def body(stream: Any) -> Any:
                stream.channel.on_value_decode_error = keep
                return in_lists(work, stream) if as_lists else plain(work, stream)

            await start_agent(feeding, body)
            feeding.feed(0, raw(BAD, b"{", is_json=False), *range(2, COUNT))
            await finished(feeding, work, COUNT)
            assert (kept, feeding.committable()) == ([BAD], COUNT)

    run(scenario)


def test_failed_actors_are_let_go() -> None:
    async def scenario() -> None:
        async with fed(agent_tries=50) as feeding:

            async def body(stream: Any) -> None:
                async for _ in stream:
                    raise ValueError

            agent = await start_agent(feeding, body)
            before = len(agent.beacon.children)
            feeding.feed(0)
            await asyncio.sleep(0.3)
            assert len(agent.beacon.children) == before
            feeding.consumer.ledger.forget(FLIGHTS)

    run(scenario)


def test_filter_stays_on_a_stream_that_another_agent_is_called_with() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            got: list[int] = []

            @feeding.app.agent(feeding.app.topic("other"), name="inner")
            async def inner(stream: Any) -> Any:
                async for value in stream:
                    yield value

            async def body(stream: Any) -> None:
                async for value in inner(stream=stream.filter(lambda value: value % 2)):
                    got.append(value)

            await start_agent(feeding, body)
            feeding.feed(0, 1, 2, 3)
            await settle(200)
            assert (got, feeding.committable()) == ([1, 3], 4)

    run(scenario)


def test_task_of_the_app_that_is_cancelled_within_ends_the_worker() -> None:
    """Faust ends it in silence; here its record would be counted as finished, or nothing behind it committed."""

    async def scenario() -> None:
        async with fed() as feeding:
            work = Work(feeding, None)
            failures: list[BaseException] = []

            async def crash(reason: BaseException) -> None:
                failures.append(reason)

            feeding.app.crash = crash
            reading = asyncio.ensure_future(feeding.app._execute_task(work.loop(feeding.stream())))
            await settle()
            await feeding.index()
            feeding.feed(*range(COUNT))
            await asyncio.wait([reading], timeout=2.0)
            gc.collect()
            await settle()
            (error,) = failures
            assert isinstance(error, TaskCancelledError)
            assert error.places == ["flights[0]@1"]
            assert feeding.committable() == BAD

    run(scenario)
