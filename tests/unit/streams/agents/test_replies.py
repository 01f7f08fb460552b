"""Answers to `Agent.ask` arrive however many there are, and are committed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from faust.agents.replies import BarrierState, ReplyPromise
from faust.types import TP
from faust.types.tuples import ConsumerMessage
from orjson import dumps

from framework.streams.agents import replies
from framework.streams.agents.replies import ReplyConsumer
from tests.unit.streams.fakes import run, settle
from tests.unit.streams.feeding import Feeding, do_nothing, fed, raw

REPLIES = TP("replies", 0)
COUNT, ROOM = 60, 20


def answer(number: int) -> Any:
    reply = {"key": None, "value": number, "correlation_id": f"c{number}", "__faust": {"ns": "@ReqRepResponse"}}
    return raw(number, dumps(reply), is_json=False)


def test_more_answers_than_a_queue_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies, "SETTLE", 0.0)

    async def scenario() -> None:
        async with fed(REPLIES, max_in_flight=ROOM) as feeding:
            consumer = feeding.app._reply_consumer
            assert isinstance(consumer, ReplyConsumer)
            topic = consumer._reply_topic("replies")
            topic.declare = do_nothing
            consumer._reply_topic = lambda _: topic
            for number in range(COUNT):
                promise = ReplyPromise("replies", f"c{number}")
                await consumer.add(promise.correlation_id, promise)
                if not number:
                    await settle()
                    await feeding.index()
                assert feeding.consumer._crowded_of([REPLIES]) == set()
                feeding.feed(answer(number), tp=REPLIES)
                assert await asyncio.wait_for(promise, 1.0) == number
            await settle()
            assert feeding.committable(REPLIES) == COUNT
            assert consumer._waiting == {}, "something is kept of whoever has been answered"
            await consumer.stop()

    run(scenario)


def test_first_one_who_asks_gives_up_while_the_topic_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """One who has asked meanwhile, and one who asks then, are answered."""
    monkeypatch.setattr(replies, "SETTLE", 0.0)

    async def scenario() -> None:
        async with fed(REPLIES) as feeding:
            consumer = feeding.app._reply_consumer
            topic = consumer._reply_topic("replies")
            declared: list[int] = []

            async def declare() -> None:
                declared.append(len(declared))
                await asyncio.sleep(0.05)

            topic.maybe_declare = declare
            consumer._reply_topic = lambda _: topic
            promises = [ReplyPromise("replies", f"c{number}") for number in range(3)]
            adding = [asyncio.ensure_future(consumer.add(each.correlation_id, each)) for each in promises[:2]]
            await settle()
            adding[0].cancel()
            await adding[1]
            await consumer.add("c2", promises[2])
            await settle()
            await feeding.index()
            feeding.feed(answer(1), answer(2), tp=REPLIES)
            assert await asyncio.wait_for(asyncio.gather(*promises[1:]), 1.0) == [1, 2]
            assert declared == [0, 1]
            await consumer.stop()

    run(scenario)


def test_first_one_who_asks_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others are answered all the same."""
    monkeypatch.setattr(replies, "SETTLE", 0.05)

    async def scenario() -> None:
        async with fed(REPLIES) as feeding:
            consumer = feeding.app._reply_consumer
            topic = consumer._reply_topic("replies")
            topic.declare = do_nothing
            consumer._reply_topic = lambda _: topic
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(consumer.add("given up", ReplyPromise("replies", "given up")), 0.01)
            promise = ReplyPromise("replies", "c0")
            await consumer.add("c0", promise)
            await settle()
            await feeding.index()
            feeding.feed(answer(0), tp=REPLIES)
            assert await asyncio.wait_for(promise, 1.0) == 0
            await consumer.stop()

    run(scenario)


@asynccontextmanager
async def asking(**settings: Any) -> AsyncIterator[tuple[Feeding, ReplyConsumer]]:
    """A worker that reads its reply topic."""
    async with fed(REPLIES, **settings) as feeding:
        consumer = feeding.app._reply_consumer
        topic = consumer._reply_topic("replies")
        topic.declare = do_nothing
        consumer._reply_topic = lambda _: topic
        await consumer._start_fetcher("replies")
        await settle()
        await feeding.index()
        yield feeding, consumer
        assert not consumer.crashed, consumer.crash_reason
        await consumer.stop()


async def promised(consumer: ReplyConsumer, number: int) -> ReplyPromise:
    promise = ReplyPromise("replies", f"c{number}")
    await consumer.add(promise.correlation_id, promise)
    return promise


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies, "SETTLE", 0.0)


@pytest.mark.usefixtures("at_once")
def test_answer_to_somebody_who_has_given_up() -> None:
    async def scenario() -> None:
        async with asking() as (feeding, consumer):
            late, barrier = await promised(consumer, 0), BarrierState("replies")
            barrier.add(ReplyPromise("replies", "c1"))
            await consumer.add("c1", barrier)
            late.cancel()
            barrier.finalize()
            barrier.cancel()
            promise = await promised(consumer, 2)
            feeding.feed(answer(0), answer(1), answer(2), tp=REPLIES)
            assert await asyncio.wait_for(promise, 1.0) == 2

    run(scenario)


@pytest.mark.usefixtures("at_once")
def test_more_answers_than_a_barrier_of_fausts_has_room_for() -> None:
    count = 1100

    async def scenario() -> None:
        async with asking() as (feeding, consumer):
            barrier = BarrierState("replies")
            for number in range(count):
                barrier.add(ReplyPromise("replies", f"c{number}"))
                await consumer.add(f"c{number}", barrier)
                if number == 1:
                    feeding.feed(answer(0), tp=REPLIES)
                    await settle()
            feeding.feed(*(answer(number) for number in range(1, count)), tp=REPLIES)
            barrier.finalize()
            await asyncio.wait_for(barrier, 5.0)
            assert [reply.value async for reply in barrier.iterate()] == [*range(count)]

    run(scenario)


NO_ANSWERS = {
    "garbage": b"{",
    "tombstone": None,
    "something else": dumps({"a": 1}),
    "another model": dumps({"key": None, "value": {}, "__faust": {"ns": "@ReqRepRequest"}}),
    "not to be looked up": dumps({"key": None, "value": 1, "correlation_id": ["c0"]}),
}


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("value", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_what_is_no_answer_is_passed_over(value: bytes | None) -> None:
    async def scenario() -> None:
        async with asking() as (feeding, consumer):
            promise, stranger = await promised(consumer, 2), raw(1, b"", is_json=False)
            stranger.value = value
            feeding.feed(raw(0, b"{", is_json=False), stranger, answer(2), tp=REPLIES)
            assert await asyncio.wait_for(promise, 1.0) == 2
            await settle()
            assert feeding.committable(REPLIES) == 3

    run(scenario)


@pytest.mark.usefixtures("at_once")
def test_what_is_no_answer_is_passed_over_and_told_of_on_fausts_own_way(capsys: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> None:
        async with asking(fast_delivery=False) as (feeding, consumer):
            promise = await promised(consumer, 1)
            for offset, value in enumerate((b"{", answer(1).value)):
                generation = feeding.app.consumer_generation_id
                message = ConsumerMessage(
                    "replies", 0, offset, 0.0, 0, (), None, value, None, 0, 0, REPLIES, generation_id=generation
                )
                await feeding.app.topics.on_message(message)
            assert await asyncio.wait_for(promise, 1.0) == 1

    run(scenario)
    assert "delivery.undecodable" in capsys.readouterr().out


@pytest.mark.usefixtures("at_once")
def test_answer_that_cannot_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has asked is told, and the next one is answered."""

    def refuse(value: Any) -> Any:
        if value == 0:
            raise ValueError("no model")
        return value

    monkeypatch.setattr(replies, "maybe_model", refuse)

    async def scenario() -> None:
        async with asking() as (feeding, consumer):
            promises = [await promised(consumer, number) for number in range(2)]
            feeding.feed(answer(0), answer(1), tp=REPLIES)
            assert await asyncio.wait_for(promises[1], 1.0) == 1
            with pytest.raises(ValueError, match="no model"):
                await promises[0]

    run(scenario)
