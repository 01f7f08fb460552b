"""Who changes a table is known of plain agents, event by event, and of nobody else."""

import asyncio
from collections.abc import AsyncIterable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from faust.events import Event

from framework.streams.tables.authors import Authors
from tests.unit.membership.apps import offline_app
from tests.unit.streams.fakes import run
from tests.unit.streams.tabled import SOURCE, message_of

Body = Callable[[Any, Callable[[], None]], Any]


async def each(stream: AsyncIterable[Any], look: Callable[[], None]) -> None:
    async for _ in stream:
        look()


async def batches(stream: Any, look: Callable[[], None]) -> None:
    async for _ in stream.take(1, within=0.01):
        look()


async def by_hand(stream: Any, look: Callable[[], None]) -> None:
    async for event in stream.noack().events():
        look()
        event.ack()


async def tasks(stream: AsyncIterable[Any], look: Callable[[], None]) -> None:
    async def later() -> None:
        look()

    async for _ in stream:
        await asyncio.ensure_future(later())


async def derived(stream: Any, look: Callable[[], None]) -> None:
    async for _ in stream.filter(lambda value: True).events():
        look()


async def authors_seen(body: Body, *, is_fast: bool = False, **options: Any) -> list[Any]:
    """What is found out in the body of an agent that gets one record."""
    app = offline_app(fast_delivery=is_fast)
    app._consumer = SimpleNamespace(
        unacked=set(), _unacked_messages=set(), ack=lambda message: True, on_finished=lambda: None
    )
    app.flow_control.resume()
    authors, seen, looked = Authors(), [], asyncio.Event()

    def look() -> None:
        seen.append(authors.current())
        looked.set()

    async def agent_body(stream: Any) -> None:
        await body(stream, look)

    agent = app.agent(app.topic("flights"), name="sums", **options)(agent_body)
    channel = app.channel()
    actor = await agent._start_task(index=0 if options else None, channel=channel)
    await channel.put(Event(app, None, 1, {}, message_of(SOURCE, 7)))
    try:
        await asyncio.wait_for(looked.wait(), 5.0)
    finally:
        assert actor.actor_task is not None
        actor.actor_task.cancel()
        await asyncio.gather(actor.actor_task, return_exceptions=True)
    return seen


@pytest.mark.parametrize("is_fast", [False, True])
@pytest.mark.parametrize("body", [each, derived])
def test_plain_agent(body: Body, is_fast: bool) -> None:
    async def scenario() -> None:
        [author] = await authors_seen(body, is_fast=is_fast)
        assert (author.agent, author.tp, author.offset, author.time) == ("sums", SOURCE, 7, 1000)

    run(scenario)


@pytest.mark.parametrize("body", [batches, by_hand, tasks])
def test_order_is_not_known(body: Body) -> None:
    async def scenario() -> None:
        assert await authors_seen(body) == [None]

    run(scenario)


def test_several_bodies_at_once() -> None:
    async def scenario() -> None:
        assert await authors_seen(each, concurrency=2) == [None]

    run(scenario)


def test_outside_of_agents() -> None:
    async def scenario() -> None:
        assert Authors().current() is None

    run(scenario)
