"""A record whose loop was left, where several tasks of a body are at the stream, or one that ends by handing it on."""

import asyncio
import gc
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from framework.streams.reading.events import Event
from tests.unit.streams.fakes import run, settle
from tests.unit.streams.feeding import Feeding, fed, start_agent


@pytest.fixture
def nothing_logged() -> Iterator[None]:
    """What pytest captures of the log has the tracebacks, and so what the bodies had."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


async def read_one(stream: Any) -> Any:
    async for value in stream:
        return value


async def finished(feeding: Feeding, count: int) -> None:
    """Until everything is committable, or nothing happens any more."""
    for _ in range(200):
        await asyncio.sleep(0.005)
        if feeding.committable() == count:
            break


def test_worker_does_not_finish_what_another_has_left() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            begun: list[int] = []
            gates = [asyncio.Event() for _ in range(4)]

            async def work(stream: Any) -> None:
                while True:
                    async for value in stream:
                        begun.append(value)
                        break
                    await gates[value].wait()

            async def body(stream: Any) -> None:
                async with asyncio.TaskGroup() as group:
                    group.create_task(work(stream))
                    group.create_task(work(stream))

            await start_agent(feeding, body)
            feeding.feed(0, 1, 2, 3)
            await settle()
            assert (begun, feeding.committable()) == ([0, 1], 0)
            gates[1].set()
            await settle()
            assert (begun, feeding.committable()) == ([0, 1, 2], 0)
            gates[0].set()
            await settle()
            assert (begun, feeding.committable()) == ([0, 1, 2, 3], 2)

    run(scenario)


@pytest.mark.parametrize("together", ["group", "gather"])
def test_record_that_a_worker_fails_at_comes_again(together: str) -> None:
    """Another one has begun a loop, and taken the next record, while it was at it."""

    async def scenario() -> None:
        async with fed() as feeding:
            done: list[int] = []
            failures = [ValueError()]
            is_left, is_beside = asyncio.Event(), asyncio.Event()

            async def slow(stream: Any) -> None:
                value = await read_one(stream)
                is_left.set()
                await is_beside.wait()
                if failures:
                    raise failures.pop()
                done.append(value)

            async def quick(stream: Any) -> None:
                await is_left.wait()
                await settle(5)
                async for value in stream:
                    is_beside.set()
                    done.append(value)

            async def body(stream: Any) -> None:
                if together == "gather":
                    await asyncio.gather(slow(stream), quick(stream))
                async with asyncio.TaskGroup() as group:
                    group.create_task(slow(stream))
                    group.create_task(quick(stream))

            await start_agent(feeding, body)
            feeding.feed(0, 1, 2, 3)
            await finished(feeding, 4)
            assert (sorted(set(done)), feeding.committable()) == ([0, 1, 2, 3], 4)

    run(scenario)


@pytest.mark.parametrize("how", ["wait_for", "create_task", "timeout"])
def test_record_that_a_task_hands_on_is_the_bodys_until_it_asks_for_the_next(how: str) -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            got: list[int] = []
            meanwhile: list[int | None] = []

            async def one(stream: Any) -> Any:
                if how == "wait_for":
                    return await asyncio.wait_for(read_one(stream), 5.0)
                if how == "create_task":
                    return await asyncio.create_task(read_one(stream))
                async with asyncio.timeout(5.0):
                    return await read_one(stream)

            async def body(stream: Any) -> None:
                while True:
                    value = await one(stream)
                    got.append(value)
                    await settle()
                    meanwhile.append(feeding.committable())
                    if got == [0, 1]:
                        raise ValueError

            await start_agent(feeding, body)
            feeding.feed(0, 1, 2)
            await finished(feeding, 3)
            assert (got, meanwhile, feeding.committable()) == ([0, 1, 1, 2], [0, 1, 1, 2], 3)

    run(scenario)


def test_records_of_workers_that_have_them_handed_on_wait_for_the_bodys_end() -> None:
    """Whose next one it is nobody can tell: the slow one may be at its record yet."""

    async def scenario() -> None:
        async with fed() as feeding:
            got: list[int] = []
            go_on = asyncio.Event()

            async def work(stream: Any) -> None:
                while len(got) < 4:
                    value = await asyncio.create_task(read_one(stream))
                    got.append(value)
                    if value == 0:
                        await go_on.wait()

            async def body(stream: Any) -> None:
                await asyncio.gather(work(stream), work(stream))

            await start_agent(feeding, body)
            feeding.feed(0, 1, 2, 3)
            await settle()
            assert (got, feeding.committable()) == ([0, 1, 2, 3], 0)
            go_on.set()
            await settle()
            assert feeding.committable() == 4

    run(scenario)


@pytest.mark.parametrize("ends", ["well", "cancelled"])
def test_task_that_ends_after_its_body(ends: str) -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            stream, go_on = feeding.stream(), asyncio.Event()

            async def read() -> None:
                async for _ in stream:
                    break
                await go_on.wait()

            tasks = []

            async def body() -> None:
                tasks.append(asyncio.create_task(read()))
                await asyncio.sleep(0.0 if ends == "well" else 60.0)

            reading = asyncio.ensure_future(feeding.app._as_body(body()))
            await settle()
            await feeding.index()
            feeding.feed(0)
            await settle()
            reading.cancel()
            await asyncio.wait([reading])
            go_on.set()
            await settle()
            assert feeding.committable() == (1 if ends == "well" else 0)

    run(scenario)


def test_events_to_acknowledge_by_hand_that_were_gathered_in_several_loops_all_come_again() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            got: list[int] = []
            failures = [ValueError()]

            async def body(stream: Any) -> None:
                events, kept = stream.noack(), []
                while True:
                    count = 0
                    async for event in events.events():
                        got.append(event.value)
                        kept.append(event)
                        count += 1
                        if count == 2:
                            break
                    await settle(5)
                    if len(kept) == 4:
                        if failures:
                            raise failures.pop()
                        for event in kept:
                            event.ack()
                        kept.clear()

            await start_agent(feeding, body)
            feeding.feed(*range(8))
            await finished(feeding, 8)
            assert (got, feeding.committable()) == ([*range(4), *range(8)], 8)

    run(scenario)


def test_loops_that_were_left_leave_nothing_behind() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            tasks: list[Any] = []
            got: list[int] = []

            async def body(stream: Any) -> None:
                tasks.append(asyncio.current_task())
                while len(got) < 50:
                    async for value in stream:
                        got.append(value)
                        break
                    await settle(5)
                async for _ in stream:
                    pass

            await start_agent(feeding, body)
            feeding.feed(*range(50))
            await finished(feeding, 50)
            gc.collect()
            assert (len(got), len(tasks[0]._callbacks or ())) == (50, 1)
            # The task's own context has the last one.
            assert len([each for each in gc.get_objects() if type(each) is Event]) <= 1

    run(scenario)


@pytest.mark.parametrize("how", ["wait_for", "create_task"])
def test_loop_for_each_record_that_is_asked_for_by_a_task(how: str) -> None:
    """The task is the loop's own `anext`, and must not keep it."""

    async def scenario() -> None:
        async with fed() as feeding:
            got: list[int] = []
            streams: list[Any] = []

            async def body(stream: Any) -> None:
                streams.append(stream)
                while True:
                    asking = anext(aiter(stream))
                    is_bounded = how == "wait_for"
                    got.append(await (asyncio.wait_for(asking, 5.0) if is_bounded else asyncio.create_task(asking)))

            await start_agent(feeding, body)
            feeding.feed(*range(6))
            await finished(feeding, 6)
            assert (got, feeding.committable()) == ([*range(6)], 6)
            assert (len(streams), len(streams[0].readers), feeding.app.turns._busy) == (1, 1, 0)

    run(scenario)


def test_loop_that_is_kept_over_tasks_goes_with_the_body_that_has_failed(nothing_logged: None) -> None:
    async def scenario() -> None:
        async with fed(agent_tries=50) as feeding:
            tries: list[int] = []
            streams: list[Any] = []

            async def body(stream: Any) -> None:
                streams.append(stream)
                values = aiter(stream)
                while True:
                    following = asyncio.ensure_future(anext(values))
                    await asyncio.wait({following}, timeout=5.0)
                    tries.append(following.result())
                    if tries.count(tries[-1]) == 1:
                        raise ValueError

            await start_agent(feeding, body)
            feeding.feed(*range(3))
            await finished(feeding, 3)
            for _ in range(3):
                gc.collect()
                await settle()
            assert (tries, feeding.committable()) == ([0, 0, 1, 1, 2, 2], 3)
            assert (len(streams[0].readers), feeding.app.turns._busy) == (1, 0)

    run(scenario)


def test_loop_that_was_made_and_not_begun_is_not_closed_by_another_that_ends() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            stream = feeding.stream()
            got: list[int] = []

            async def read() -> None:
                following = aiter(stream)
                async for value in stream:
                    got.append(value)
                    break
                await settle(5)
                got.append(await anext(following))

            reading = feeding.begin(read())
            await settle()
            await feeding.index()
            feeding.feed(0, 1)
            await asyncio.wait([reading])
            assert got == [0, 1]

    run(scenario)
