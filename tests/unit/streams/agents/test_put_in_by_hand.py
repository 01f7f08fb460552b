"""Events that somebody takes from a topic and puts into an agent's own channel, by hand."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.unit.streams.agents.test_what_nobody_has_seen import until
from tests.unit.streams.fakes import run, settle
from tests.unit.streams.feeding import Feeding, fed

Body = Callable[[Any], Awaitable[None]]


async def start(feeding: Feeding, body: Body, *, acks: bool = False) -> tuple[Any, list[int]]:
    """Have odd ones put into an agent's channel; gives the agent, and what whoever forwards them has seen."""
    agent = feeding.app.agent(feeding.app.channel(), name="other")(body)
    await agent.start()
    seen: list[int] = []

    async def forward() -> None:
        stream = feeding.stream()
        async for event in (stream if acks else stream.noack()).events():
            seen.append(event.value)
            if event.value % 2:
                await agent.channel.put(event)
                await settle(5)
            elif not acks:
                event.ack()

    feeding.begin(forward())
    await settle()
    await feeding.index()
    return agent, seen


@pytest.mark.parametrize("has_lists", [False, True])
def test_filtered_ones_are_acknowledged(*, has_lists: bool) -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            got: list[int] = []

            async def body(stream: Any) -> None:
                few = stream.filter(lambda value: value % 4 == 1)
                async for value in few.take(1, within=0.02) if has_lists else few:
                    got.append(value)

            await start(feeding, body)
            feeding.feed(*range(6))
            await until(lambda: feeding.committable() == 6)
            assert got == ([[1], [5]] if has_lists else [1, 5])

    run(scenario)


@pytest.mark.parametrize("has_lists", [False, True])
def test_those_that_nobody_takes_before_a_rebalance_are_not_acknowledged(*, has_lists: bool) -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            got: list[int] = []

            async def body(stream: Any) -> None:
                async for value in stream.take(1, within=0.02) if has_lists else stream:
                    got.append(value)

            agent, _ = await start(feeding, body)
            event = await one_taken_by_hand(feeding)
            await agent.channel.put(event)
            # Before the agent, which waits for it, has its turn.
            feeding.app.flow_control.suspend()
            await settle()
            assert (got, feeding.committable()) == ([], 0)

    run(scenario)


async def one_taken_by_hand(feeding: Feeding) -> Any:
    topic = feeding.app.topic("flights")
    feeding.app.topics.add(topic)
    await feeding.index()
    feeding.feed(0)
    return await topic.get()


@pytest.mark.parametrize("has_lists", [False, True])
@pytest.mark.parametrize("acks", [False, True])
def test_one_whose_body_has_failed_comes_again_alone(*, has_lists: bool, acks: bool) -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            got: list[Any] = []

            async def body(stream: Any) -> None:
                async for value in stream.take(1, within=0) if has_lists else stream:
                    got.append(value)
                    if len(got) == 1:
                        raise ValueError("fails once")

            _, seen = await start(feeding, body, acks=acks)
            feeding.feed(*range(12))
            await until(lambda: feeding.committable() == 12)
            await until(lambda: len(got) == 7)
            assert seen == [*range(12)]
            assert got == [[value] if has_lists else value for value in (1, 1, 3, 5, 7, 9, 11)]
            assert await feeding.revoke_in_time()

    run(scenario)


def test_one_that_a_task_of_a_failed_body_goes_on_with_is_not_finished_by_it() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            got: list[int] = []
            go = asyncio.Event()

            async def read(stream: Any) -> None:
                async for _ in stream:
                    await go.wait()

            bodies = 0

            async def body(stream: Any) -> None:
                nonlocal bodies
                bodies += 1
                if bodies == 1:
                    feeding.begin(read(stream))
                    await until(lambda: stream.current_event is not None)
                    raise ValueError("fails once")
                async for value in stream:
                    got.append(value)
                    await asyncio.Event().wait()

            await start(feeding, body)
            feeding.feed(0, 1)
            await until(lambda: got == [1])
            go.set()
            await settle()
            assert (feeding.committable(), feeding.consumer.in_flight()) == (1, ["flights[0]@1"])

    run(scenario)
