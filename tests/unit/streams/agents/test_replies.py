"""Answers to `Agent.ask` arrive however many there are, and are committed."""

import asyncio
from typing import Any

import pytest
from faust.agents.replies import ReplyPromise
from faust.types import TP
from orjson import dumps

from framework.streams.agents import replies
from framework.streams.agents.replies import ReplyConsumer
from tests.unit.streams.fakes import run, settle
from tests.unit.streams.feeding import do_nothing, fed, raw

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
                assert not feeding.consumer._is_crowded(REPLIES)
                feeding.feed(answer(number), tp=REPLIES)
                assert await asyncio.wait_for(promise, 1.0) == number
            await settle()
            assert feeding.committable(REPLIES) == COUNT
            assert consumer._waiting == {}, "something is kept of whoever has been answered"
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
