"""A record that a task has read and handed on, or failed at, is had by whoever has begun that task, and nobody else."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import structlog

from tests.unit.streams.fakes import run, settle
from tests.unit.streams.feeding import Feeding, fed, start_agent

Work = Callable[[Any], Awaitable[None]]


async def read_one(stream: Any) -> Any:
    async for value in stream:
        return value


async def reading(stream: Any, seconds: float = 5.0) -> Any:
    """As `wait_for` does on Python 3.11: by a task of its own."""
    return await asyncio.wait_for(asyncio.create_task(read_one(stream)), seconds)


async def together(how: str, *works: Any) -> None:
    if how == "gather":
        await asyncio.gather(*works)
        return
    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(work)


async def finished(feeding: Feeding, count: int) -> None:
    """Until everything is committable, or nothing happens any more."""
    for _ in range(200):
        await asyncio.sleep(0.005)
        if feeding.committable() == count:
            break


@pytest.mark.parametrize("how", ["group", "gather"])
@pytest.mark.parametrize("pause", [0, 0.001])
def test_record_that_a_workers_task_fails_at_is_not_closed_by_another_worker(how: str, pause: float) -> None:
    """The body hears of the failure some passes later; meanwhile the other one begins a task."""

    async def scenario() -> None:
        async with fed() as feeding:
            done: list[int] = []
            bad = {20}

            async def one(stream: Any) -> None:
                async for value in stream:
                    await asyncio.sleep(pause)
                    if value in bad:
                        bad.remove(value)
                        raise ValueError
                    done.append(value)
                    return

            async def work(stream: Any) -> None:
                while True:
                    await asyncio.wait_for(asyncio.create_task(one(stream)), 5.0)

            async def body(stream: Any) -> None:
                await together(how, work(stream), work(stream))

            await start_agent(feeding, body)
            feeding.feed(*range(40))
            await finished(feeding, 40)
            assert (sorted(set(done)), feeding.committable()) == ([*range(40)], 40)

    run(scenario)


@pytest.mark.parametrize("is_late", [False, True])
def test_worker_whose_task_has_read_nothing_does_not_close_what_another_is_at(*, is_late: bool) -> None:
    """Or one that begins its first."""

    async def scenario() -> None:
        async with fed() as feeding:
            done: list[int] = []
            go_on, failures = asyncio.Event(), [ValueError()]
            first = True

            async def work(stream: Any, *, waits: bool) -> None:
                nonlocal first
                if waits:
                    await asyncio.sleep(0.03)
                while True:
                    try:
                        value = await reading(stream, 0.02)
                    except TimeoutError:
                        continue
                    if first:
                        first = False
                        await go_on.wait()
                        raise failures.pop()
                    done.append(value)

            async def body(stream: Any) -> None:
                await together("group", work(stream, waits=False), work(stream, waits=is_late))

            await start_agent(feeding, body)
            feeding.feed(0)
            await asyncio.sleep(0.1)
            assert feeding.committable() == 0
            go_on.set()
            await finished(feeding, 1)
            assert (done, feeding.committable()) == ([0], 1)

    run(scenario)


def test_records_of_workers_that_have_them_handed_on_are_closed_one_by_one() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            got: list[int] = []
            gates = [asyncio.Event() for _ in range(5)]

            async def work(stream: Any) -> None:
                while True:
                    value = await reading(stream)
                    got.append(value)
                    await gates[value].wait()

            async def body(stream: Any) -> None:
                await together("gather", work(stream), work(stream))

            await start_agent(feeding, body)
            feeding.feed(*range(5))
            for opened, committable in ((1, 0), (2, 0), (0, 3), (3, 4)):
                gates[opened].set()
                await settle()
                assert feeding.committable() == committable
            assert got == [*range(5)]

    run(scenario)


@pytest.mark.parametrize("ends", ["well", "by a failure"])
def test_record_of_a_worker_that_has_ended_is_done_unless_it_has_failed(ends: str) -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            got: list[int] = []
            go_on = asyncio.Event()

            async def work(stream: Any) -> None:
                got.append(await reading(stream))
                await go_on.wait()
                if ends != "well" and got == [0, 1]:
                    raise ValueError

            async def body(stream: Any) -> None:
                async with asyncio.TaskGroup() as group:
                    for _ in range(2):
                        group.create_task(work(stream))
                    await asyncio.sleep(60.0)

            await start_agent(feeding, body)
            feeding.feed(0, 1)
            await settle()
            assert (got, feeding.committable()) == ([0, 1], 0)
            go_on.set()
            await settle()
            assert feeding.committable() == (2 if ends == "well" else 0)
            await finished(feeding, 2)
            assert feeding.committable() == 2

    run(scenario)


def test_several_records_that_were_handed_on_to_one_task_wait_for_the_bodys_end() -> None:
    """It may have begun the next reading before it has done with the last of them."""

    async def scenario() -> None:
        async with fed() as feeding:
            is_over = asyncio.Event()

            async def body(stream: Any) -> None:
                await asyncio.gather(reading(stream), reading(stream))
                await reading(stream)
                await is_over.wait()

            with structlog.testing.capture_logs() as logs:
                await start_agent(feeding, body)
                feeding.feed(0, 1, 2)
                await settle()
            assert feeding.committable() == 0
            assert [entry["event"] for entry in logs] == ["delivery.left_open"]
            is_over.set()
            await settle()
            assert feeding.committable() == 3

    run(scenario)


def test_record_of_a_task_that_nobody_is_known_to_have_begun_waits_for_the_bodys_end() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            got: list[int] = []

            async def body(stream: Any) -> None:
                while len(got) < 3:
                    begun = asyncio.get_running_loop().create_future()
                    asyncio.get_running_loop().call_soon(
                        lambda begun=begun: begun.set_result(asyncio.ensure_future(read_one(stream)))
                    )
                    got.append(await (await begun))
                    assert feeding.committable() in (None, 0)

            with structlog.testing.capture_logs() as logs:
                await start_agent(feeding, body)
                feeding.feed(0, 1, 2)
                await finished(feeding, 3)
            assert (got, feeding.committable()) == ([0, 1, 2], 3)
            assert "delivery.left_open" in [entry["event"] for entry in logs]

    run(scenario)


@pytest.mark.parametrize("what", ["record", "list"])
def test_what_no_body_has_seen_comes_again_though_tasks_of_several_workers_left_it(what: str) -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            got: list[int] = []
            slow = {0, 1}

            async def enrich(value: Any) -> Any:
                if value in slow:
                    slow.remove(value)
                    await asyncio.sleep(0.2)
                return value

            async def one_list(stream: Any) -> Any:
                async for values in stream.take(3, within=5.0):
                    return values

            async def work(stream: Any) -> None:
                while True:
                    one = read_one if what == "record" else one_list
                    try:
                        found = await asyncio.wait_for(asyncio.create_task(one(stream)), 0.05)
                    except TimeoutError:
                        continue
                    got.extend(found if what == "list" else [found])

            async def body(stream: Any) -> None:
                stream.add_processor(enrich)
                await together("gather", work(stream), work(stream))

            await start_agent(feeding, body)
            feeding.feed(*range(6))
            for _ in range(100):
                await asyncio.sleep(0.005)
            assert sorted(got) == [*range(6)]

    run(scenario)


@pytest.mark.parametrize("passes", range(4))
@pytest.mark.parametrize("how", ["timeout", "cancelled", "failed"])
def test_record_that_a_task_was_at_is_done_when_the_body_goes_on_after_its_failure(how: str, passes: int) -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            got: list[int] = []

            async def work(stream: Any) -> None:
                async for value in stream:
                    got.append(value)
                    if value == 1:
                        if how == "failed":
                            raise ValueError
                        await asyncio.sleep(60.0)

            async def body(stream: Any) -> None:
                working = asyncio.create_task(work(stream))
                if how == "cancelled":
                    await asyncio.sleep(0.03)
                    working.cancel()
                    await asyncio.wait([working])
                else:
                    with pytest.raises((TimeoutError, ValueError)):
                        await (working if how == "failed" else asyncio.wait_for(working, 0.03))
                await settle(passes)
                async for value in stream:
                    got.append(value)

            await start_agent(feeding, body)
            feeding.feed(*range(6))
            await asyncio.sleep(0.01)
            assert feeding.committable() == (6 if how == "failed" else 1)
            await finished(feeding, 6)
            assert (got, feeding.committable()) == ([*range(6)], 6)

    run(scenario)


@pytest.mark.parametrize("read", [read_one, reading])
def test_record_that_a_task_fails_at_comes_again_though_its_group_goes_on_in_that_moment(read: Any) -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            got: list[int] = []
            failures = [ValueError()]

            async def fail(stream: Any, is_failing: asyncio.Event) -> None:
                got.append(await read(stream))
                is_failing.set()
                if failures:
                    raise failures.pop()

            async def body(stream: Any) -> None:
                is_failing = asyncio.Event()
                async with asyncio.TaskGroup() as group:
                    group.create_task(fail(stream, is_failing))
                    await is_failing.wait()
                    async for value in stream:
                        got.append(value)

            await start_agent(feeding, body)
            feeding.feed(0, 1, 2)
            await finished(feeding, 3)
            assert (got, feeding.committable()) == ([0, 0, 1, 2], 3)

    run(scenario)


def test_record_that_the_body_has_read_itself_is_done_when_it_has_the_next_one_read() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            meanwhile: list[Any] = []

            async def body(stream: Any) -> None:
                got = await read_one(stream)
                while got is not None:
                    await settle()
                    meanwhile.append((got, feeding.committable()))
                    got = await reading(stream)

            await start_agent(feeding, body)
            feeding.feed(*range(4))
            await finished(feeding, 3)
            assert meanwhile == [(number, number) for number in range(4)]

    run(scenario)


def test_record_that_a_task_reads_within_a_loop_is_done_with_the_loops_own() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            meanwhile: list[Any] = []

            async def body(stream: Any) -> None:
                async for value in stream:
                    if value == 0:
                        assert await reading(stream) == 1
                        await settle()
                        assert feeding.committable() == 0
                    meanwhile.append(value)

            await start_agent(feeding, body)
            feeding.feed(*range(4))
            await finished(feeding, 4)
            assert (meanwhile, feeding.committable()) == ([0, 2, 3], 4)

    run(scenario)


@pytest.mark.parametrize("is_begun_within", [False, True])
def test_record_that_a_worker_has_is_not_done_with_that_of_a_loop_beside_it(*, is_begun_within: bool) -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            got: list[int] = []
            go_on = asyncio.Event()

            async def work(stream: Any) -> None:
                got.append(await reading(stream))
                await go_on.wait()

            async def body(stream: Any) -> None:
                async with asyncio.TaskGroup() as group:
                    if not is_begun_within:
                        group.create_task(work(stream))
                        await asyncio.sleep(0.01)
                    async for value in stream:
                        if is_begun_within and value == 0:
                            group.create_task(work(stream))
                            await settle()
                        got.append(value)

            await start_agent(feeding, body)
            feeding.feed(*range(4))
            await asyncio.sleep(0.05)
            assert (sorted(got), feeding.committable()) == ([*range(4)], 1 if is_begun_within else 0)
            go_on.set()
            await finished(feeding, 4)

    run(scenario)
