"""Records that a loop had and no body has seen come again; what an inner loop left is done with the outer one."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from faust.exceptions import DecodeError

from tests.unit.streams.fakes import FLIGHTS, run, settle
from tests.unit.streams.feeding import fed, raw, start_agent

Loop = Callable[[Any, list[Any]], Awaitable[None]]


async def plain(stream: Any, got: list[Any]) -> None:
    async for value in stream:
        got.append(value)


async def take(stream: Any, got: list[Any]) -> None:
    async for values in stream.take(10, within=5.0):
        got.extend(values)


async def take_events(stream: Any, got: list[Any]) -> None:
    async for events in stream.take_events(10, within=5.0):
        got.extend(event.value for event in events)


async def noack_take(stream: Any, got: list[Any]) -> None:
    async for events in stream.noack_take(10, within=5.0):
        for event in events:
            got.append(event.value)
            event.ack()


async def until(holds: Callable[[], Any]) -> None:
    """Let the loop turn until something holds."""
    async with asyncio.timeout(3.0):
        while not holds():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("loop", [plain, take, take_events, noack_take])
@pytest.mark.parametrize("is_slow", [False, True])
def test_loop_that_runs_into_a_timeout_loses_nothing(loop: Loop, *, is_slow: bool) -> None:
    """As in an agent that does something whenever nothing has come for a while."""

    async def scenario() -> None:
        async with fed() as feeding:
            got: list[Any] = []
            idle = 0

            async def slow(value: Any) -> Any:
                # The first time longer than the body waits.
                await asyncio.sleep(0 if idle else 0.2)
                return value

            async def body(stream: Any) -> None:
                nonlocal idle
                if is_slow:
                    stream.add_processor(slow)
                while True:
                    try:
                        async with asyncio.timeout(0.03):
                            await loop(stream, got)
                    except TimeoutError:
                        idle += 1

            await start_agent(feeding, body)
            feeding.feed(0, 1, 2)
            await until(lambda: idle >= 2)
            feeding.feed(*range(3, 20))
            await until(lambda: len(got) >= 20)
            await settle()
            assert got == [*range(20)]
            assert feeding.committable() == 20
            assert feeding.crashes == []

    run(scenario)


@pytest.mark.parametrize("is_failing", [False, True])
def test_what_comes_again_is_not_what_another_task_is_at(*, is_failing: bool) -> None:
    """A body has several tasks. One of them runs into a timeout while a processor has its record."""

    async def scenario() -> None:
        async with fed() as feeding:
            got: list[Any] = []
            is_first, go = True, asyncio.Event()

            async def slow(value: int) -> int:
                if value == 0 and not got:
                    await asyncio.sleep(0.1)
                return value

            async def busy(stream: Any) -> None:
                nonlocal is_first
                await settle(5)
                async for value in stream:
                    got.append(value)
                    if value == 2 and is_first:
                        is_first = False
                        await go.wait()
                        if is_failing:
                            raise ValueError(value)

            async def impatient(stream: Any) -> None:
                while True:
                    try:
                        async with asyncio.timeout(0.05):
                            async for value in stream:
                                got.append(value)
                    except TimeoutError:
                        pass

            async def body(stream: Any) -> None:
                stream.add_processor(slow)
                async with asyncio.TaskGroup() as group:
                    group.create_task(impatient(stream))
                    group.create_task(busy(stream))

            await start_agent(feeding, body)
            feeding.feed(*range(6))
            await until(lambda: len(got) == 6)
            await settle()
            assert (feeding.committable(), feeding.consumer.in_flight()) == (2, ["flights[0]@2"])
            go.set()
            await until(lambda: feeding.committable() == 6)
            assert got == [1, 2, 0, 3, 4, 5, *([2] if is_failing else [])]

    run(scenario)


def test_nothing_is_kept_of_what_comes_again_outside_agents() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            stream = feeding.stream()

            async def first_list() -> Any:
                async for values in stream.take(1000, within=10.0):
                    return values

            async def work() -> None:
                while True:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(first_list(), 0.01)

            feeding.begin(work())
            await settle()
            await feeding.index()
            feeding.feed(*range(5))
            await asyncio.sleep(0.2)
            assert len(stream.unseen) <= 5

    run(scenario)


def test_list_that_a_failing_processor_has_cut_short_comes_again() -> None:
    """The one it fails at is left out by a body that goes on, as in Faust."""

    async def scenario() -> None:
        async with fed() as feeding:
            got: list[Any] = []

            def check(value: int) -> int:
                if value == 5:
                    raise ValueError(value)
                return value

            async def body(stream: Any) -> None:
                stream.add_processor(check)
                while True:
                    try:
                        async for values in stream.take(4, within=0.02):
                            got.extend(values)
                    except ValueError:
                        got.append("failed")

            await start_agent(feeding, body)
            feeding.feed(*range(10))
            await until(lambda: 9 in got)
            await settle()
            assert got == [0, 1, 2, 3, "failed", 4, 6, 7, 8, 9]
            assert feeding.committable() == 10

    run(scenario)


@pytest.mark.parametrize("concurrency", [1, 2, 3])
def test_list_that_is_cut_short_by_a_record_that_cannot_be_decoded_comes_again(concurrency: int) -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            got: list[Any] = []

            async def body(stream: Any) -> None:
                while True:
                    try:
                        async for values in stream.take(5, within=0.1):
                            got.extend(values)
                    except DecodeError:
                        pass

            await start_agent(feeding, body, concurrency=concurrency)
            for number in range(0, 16, 2):
                feeding.feed(number, raw(number + 1, b"{", is_json=False) if number == 4 else number + 1)
                await asyncio.sleep(0.01)
            await until(lambda: len(got) >= 15)
            await until(lambda: feeding.committable() == 16)
            assert sorted(got) == [number for number in range(16) if number != 5]

    run(scenario)


@pytest.mark.parametrize("has_lists", [False, True])
def test_what_an_inner_loop_was_left_at_is_done_with_the_outer(*, has_lists: bool) -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            got: list[Any] = []

            async def body(stream: Any) -> None:
                async for start in stream:
                    got.append(start)
                    async for found in stream.take(2, within=5.0) if has_lists else stream:
                        got.append(found)
                        if has_lists or found == 2:
                            break

            await start_agent(feeding, body)
            feeding.feed(0, 1, 2)
            await until(lambda: len(got) == (2 if has_lists else 3))
            await settle()
            assert got == ([0, [1, 2]] if has_lists else [0, 1, 2])
            assert feeding.committable() == 3

    run(scenario)


def test_what_an_outer_loop_has_is_not_done_with_the_next_of_an_inner_one() -> None:
    """Of two streams, that is."""

    async def scenario() -> None:
        async with fed() as feeding:
            other: Any = feeding.app.channel()

            async def body(stream: Any) -> None:
                async for _ in stream:
                    async for number in other.stream():
                        if number == 2:
                            break

            await start_agent(feeding, body)
            feeding.feed(0, 1)
            for number in (1, 2):
                await settle()
                assert feeding.committable(FLIGHTS) == 0
                await other.put(number)
            await until(lambda: feeding.committable() == 1)

    run(scenario)
