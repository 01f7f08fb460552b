"""What keeps records from being sent at once is said once, and what has gone again holds nothing up."""

import asyncio
from collections.abc import Callable
from typing import Any

import faust
import pytest
from faust.sensors.base import Sensor
from faust.sensors.monitor import Monitor
from structlog.testing import capture_logs

from framework.streams.sending import producing, topics
from framework.streams.sending.sent import Sent
from framework.streams.sending.topics import Topic
from framework.streams.sensors import HEARS_EACH
from tests.unit.streams.fakes import run
from tests.unit.streams.sending.test_topics import sending


class OwnTopic(Topic):
    pass


class OwnSchema(faust.Schema):
    pass


def nothing(*args: Any, **kwargs: Any) -> None:
    """A receiver of a signal, or a callback."""


def hear(app: Any) -> None:
    app.on_produce_message.connect(nothing)


def watch(app: Any) -> None:
    app.sensors.add(Sensor())


def attach(app: Any) -> None:
    app.conf.stream_publish_on_commit = True


def without_headers(app: Any) -> None:
    app.producer.allow_headers = False


WHYS: list[Any] = [
    (topics.GIVEN, lambda app: Topic(app, topics=["flights"]), None, {"callback": nothing}),
    (topics.GIVEN, lambda app: Topic(app, topics=["flights"]), None, {"value_serializer": "json"}),
    (topics.GIVEN, lambda app: Topic(app, topics=["flights"]), None, {"key_serializer": "json"}),
    (topics.GIVEN, lambda app: Topic(app, topics=["flights"]), None, {"schema": faust.Schema()}),
    (topics.OF_A_CLASS, lambda app: OwnTopic(app, topics=["flights"]), None, {}),
    (topics.ATTACHED, lambda app: Topic(app, topics=["flights"]), attach, {}),
    (topics.PRODUCER, lambda app: Topic(app, topics=["flights"]), without_headers, {}),
    (topics.SCHEMA, lambda app: Topic(app, topics=["flights"], schema=OwnSchema()), None, {}),
    (HEARS_EACH, lambda app: Topic(app, topics=["flights"]), watch, {}),
    (topics.RECEIVER, lambda app: Topic(app, topics=["flights"]), hear, {}),
]


@pytest.mark.parametrize(("why", "make", "prepare", "options"), WHYS)
def test_reason_is_said_once(
    why: str, make: Callable[[Any], Topic], prepare: Callable[[Any], None] | None, options: dict[str, Any]
) -> None:
    async def scenario() -> None:
        async with sending() as (app, client):
            if prepare is not None:
                prepare(app)
            with capture_logs() as lines:
                for topic in (make(app), make(app)):
                    for number in range(2):
                        await topic.send(key="k", value=number, partition=0, **options)
                        assert topic._way is None
            client.take()[0].done(0)
            app.on_produce_message.disconnect(nothing)
        assert [(line["why"], line["where"]) for line in lines] == [(why, "flights")]

    run(scenario)


def test_synchronous_code_is_told_once_but_tables_are_not() -> None:
    async def scenario() -> None:
        async with sending() as (app, _):
            with capture_logs() as lines:
                Topic(app, topics=["of-a-table"], internal=True).send_soon(key="k", value=1)
                for _ in range(2):
                    Topic(app, topics=["flights"]).send_soon(key="k", value=1)
        assert [(line["why"], line["where"]) for line in lines] == [(producing.SOON, "flights")]

    run(scenario)


def test_nothing_is_said_of_what_is_sent_at_once() -> None:
    async def scenario() -> None:
        async with sending() as (app, client):
            with capture_logs() as lines:
                assert type(await Topic(app, topics=["flights"]).send(key="k", value=1)) is Sent
            client.take()[0].done(0)
        assert lines == []

    run(scenario)


def test_record_with_its_own_serializer_does_not_slow_down_its_neighbours() -> None:
    async def scenario() -> None:
        async with sending() as (app, _):
            topic = Topic(app, topics=["flights"])
            await topic.send(key="k", value=1)
            way = topic._way
            await topic.send(key="k", value=2, value_serializer="json")
            assert topic._way is way is not None

    run(scenario)


def test_monitor_that_comes_late_costs_no_call_a_record() -> None:
    """Faust's own is counted for by the batch, whenever it came."""

    async def scenario() -> None:
        async with sending() as (app, client):
            topic, late = Topic(app, topics=["flights"]), Monitor()
            await topic.send(key="k", value=1)
            app.sensors.add(late)
            with capture_logs() as lines:
                for number in range(3):
                    await topic.send(key="k", value=number)
            assert topic._way is not None
            assert topic._way.is_open
            client.take()[0].done(0)
            await asyncio.sleep(0.01)
            assert (lines, late.messages_sent) == ([], 4)

    run(scenario)


def test_receiver_that_has_gone_holds_nothing_up() -> None:
    async def scenario() -> None:
        async with sending() as (app, _):
            topic = Topic(app, topics=["flights"])
            hear(app)
            await topic.send(key="k", value=1)
            assert topic._way is None
            app.on_produce_message.disconnect(nothing)
            await topic.send(key="k", value=2)
            assert topic._way is not None

    run(scenario)
