"""A topic's records are the bytes, the partitions and the errors of Faust's, whichever way they go."""

import asyncio
import datetime
import uuid
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import faust
import pytest
from aiokafka.partitioner import murmur2 as aiokafkas_murmur2
from faust.exceptions import ProducerSendError
from faust.sensors.base import Sensor
from faust.serializers import codecs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framework import App
from framework.streams.sending.partitioning import murmur2, partition_of
from framework.streams.sending.producing import Producer
from framework.streams.sending.sent import Sent
from framework.streams.sending.serializing import can_compile, key_dump, value_dump
from framework.streams.sending.topics import Topic
from tests.unit.membership.apps import offline_app
from tests.unit.streams.fakes import run, settle
from tests.unit.streams.offline_client import OfflineClient, offline_client


class Point(faust.Record):
    x: int
    y: Any = None


class Pickled(faust.Record, serializer="pickle"):
    x: int


class Text(str):
    pass


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(0, 9), inner, max_size=3),
    max_leaves=6,
)
AWKWARD: list[Any] = [
    b"",
    b"bytes",
    bytearray(b"array"),
    memoryview(b"view"),
    "",
    "text",
    Text("text"),
    None,
    True,
    0,
    1.5,
    (1, 2),
    {1: 2},
    {"k": b"bytes"},
    {"a": {1, 2}.__class__([1])},
    frozenset([1]),
    deque([1]),
    Counter("aab"),
    Decimal("1.50"),
    uuid.UUID(int=7),
    datetime.date(2013, 1, 1),
    datetime.datetime(2013, 1, 1, tzinfo=datetime.UTC),
    Point(1, y=Point(2)),
    Pickled(1),
    {"point": Point(1)},
    [Point(1)],
    object(),
    {"bad": object()},
    2**70,
]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"key_type": str, "value_type": str},
    {"key_type": bytes, "value_type": bytes},
    {"key_type": int, "value_type": int},
    {"value_type": Point},
    {"value_type": Pickled, "key_type": Point},
    {"key_serializer": "json", "value_serializer": "raw"},
    {"key_serializer": "json", "value_serializer": "json"},
    {"key_serializer": "binary", "value_serializer": "json|binary"},
    {"key_serializer": "pickle", "value_serializer": "pickle"},
    {"key_serializer": codecs.json(), "value_serializer": codecs.raw()},
    {"value_serializer": "none-such"},
]


def bytes_of(dump: Any, thing: Any) -> Any:
    """What comes out; the name of the error if there is one."""
    try:
        dumped = dump(thing)
    except Exception as error:  # noqa: BLE001 - whatever it is, it has to be the same
        return type(error).__name__
    return bytes(dumped) if isinstance(dumped, bytearray | memoryview) else dumped


def compare(app: App, options: dict[str, Any], thing: Any) -> None:
    topic = Topic(app, topics=["flights"], **options)
    keys, values = key_dump(app, topic.schema), value_dump(app, topic.schema)
    assert bytes_of(keys, thing) == bytes_of(lambda key: topic.prepare_key(key, None, None, {})[0], thing)
    ours, theirs = bytes_of(values, thing), bytes_of(lambda value: topic.prepare_value(value, None, None, {})[0], thing)
    assert ours == theirs


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::faust.exceptions.SecurityWarning")
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_bytes_of_awkward_things_are_fausts(options: dict[str, Any]) -> None:
    app = offline_app()
    for thing in AWKWARD:
        compare(app, options, thing)


@given(st.sampled_from([options for options in OPTIONS if "pickle" not in str(options)][:5]), PLAIN)
def test_bytes_of_plain_things_are_fausts(options: dict[str, Any], thing: Any) -> None:
    compare(APP, options, thing)


APP = offline_app()


def test_what_is_the_users_is_not_skipped() -> None:
    class Mine(faust.Schema):
        pass

    app = offline_app()
    assert can_compile(app, faust.Schema())
    assert not can_compile(app, Mine())


@given(st.binary(max_size=40), st.integers(1, 12))
def test_partition_of_a_key(key: bytes, partitions: int) -> None:
    assert murmur2(key) == aiokafkas_murmur2(key)
    expected = (aiokafkas_murmur2(key) & 0x7FFFFFFF) % partitions
    assert partition_of(key, range(partitions)) == expected


# --- sending ----------------------------------------------------------------------------------------------------------


class FastApp(App):
    is_fast = True


class SlowApp(App):
    is_fast = False


@asynccontextmanager
async def sending(**options: Any) -> AsyncIterator[tuple[Any, OfflineClient]]:
    """An app on the fast path whose producer has a client without a broker."""
    app = offline_app()
    app.__class__ = FastApp
    app.sensors.add(app.monitor)
    async with offline_client(**options) as client:
        producer = Producer(app._new_producer_transport())
        producer._producer = client
        producer.outbox.attach(client)
        producer._started.set()
        app.producer = producer
        yield app, client


async def sent_by(topic: Any, client: OfflineClient, **record: Any) -> tuple[Any, Any, Any, Any]:
    """Send one record; returns what the broker would have: partition, key, value, headers."""
    sent = await topic.send(**record)
    (taken,) = client.take()
    (read,) = taken.build()
    taken.done(0)
    await sent
    return taken.tp.partition, read.key, read.value, list(read.headers)


RECORDS: list[dict[str, Any]] = [
    {"key": "k", "value": {"a": 1}},
    {"key": b"k", "value": b"v"},
    {"value": 1, "partition": 3},
    {"key": "k"},
    {"key": "k", "value": "v", "headers": {"h": b"1"}},
    {"key": "k", "value": "v", "headers": [("h", b"1"), ("h", b"2")]},
    {"key": "k", "value": "v", "headers": (("h", b"1"),)},
    {"key": "k", "value": Point(1), "timestamp": 12.5},
    {"key": bytearray(b"k"), "value": 1},
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(RECORDS))
def test_a_record_arrives_as_fausts(record: dict[str, Any]) -> None:
    async def scenario() -> None:
        async with sending() as (app, client):
            topic = Topic(app, topics=["flights"])
            partition = record.get("partition", 0 if "key" not in record else None)
            ours = await sent_by(topic, client, **{**record, "partition": partition})
            assert topic._way is not None
            app.__class__ = SlowApp
            theirs = await sent_by(faust.Topic(app, topics=["flights"]), client, **{**record, "partition": partition})
            assert ours == theirs

    run(scenario)


def test_headers_that_can_be_read_once_are_sent_after_a_wait_too() -> None:
    async def scenario() -> None:
        async with sending() as (app, client):
            topic = Topic(app, topics=["new"])

            async def create(name: str) -> None:
                client.know(name, 1)

            client.client._wait_on_metadata = create
            given = [("h", b"1"), ("h", b"2")]
            for _ in range(2):
                *_, headers = await sent_by(topic, client, key="k", value=1, headers=iter(given))
                assert headers == given

    run(scenario)


def test_the_first_moment_of_1970_is_a_timestamp() -> None:
    async def scenario() -> None:
        async with sending() as (app, client):
            first = await Topic(app, topics=["flights"]).send(key="k", value=1, partition=0, timestamp=0)
            second = app.producer.outbox.post_now("flights", 0, b"k", b"v", timestamp=0.0)
            assert [record.timestamp for record in client.take()[0].build()] == [0, 0]
            assert not first.done()
            assert not second.done()

    run(scenario)


def test_what_is_returned_is_cheap_until_somebody_looks() -> None:
    async def scenario() -> None:
        async with sending() as (app, client):
            topic = Topic(app, topics=["flights"])
            sent = [await topic.send(key="k", value=number, partition=1) for number in range(3)]
            assert all(type(each) is Sent for each in sent)
            client.take()[0].done(10)
            assert [(await each).offset for each in sent] == [10, 11, 12]
            await settle()
            assert app.monitor.messages_sent == 3

    run(scenario)


def test_what_faust_does_goes_fausts_way_and_its_failure_counts() -> None:
    async def scenario() -> None:
        async with sending() as (app, client):
            told: list[Any] = []
            topic = Topic(app, topics=["flights"])
            sent = await topic.send(key="k", value=1, callback=told.append)
            client.take()[0].done(5)
            assert (await sent).offset == 5
            await settle()
            assert [fut.result().offset for fut in told] == [5]
            # Faust's own future of the message has nobody who looks at it.
            asyncio.get_running_loop().set_exception_handler(lambda *_: None)
            await topic.send(key="k", value=1, value_serializer="json")
            client.take()[0].fail(RuntimeError("broken"))
            with pytest.raises(ProducerSendError, match="broken"):
                await app.producer.outbox.flush()

    run(scenario)


def test_a_failure_of_what_was_sent_from_synchronous_code_counts() -> None:
    async def scenario() -> None:
        async with sending() as (app, client):
            topic = Topic(app, topics=["flights"])
            asyncio.get_running_loop().set_exception_handler(lambda *_: None)
            async with app.producer.buffer as buffer:
                handled, lost = (topic.send_soon(key="k", value=number) for number in range(2))
                await buffer.flush()
                client.take()[0].fail(RuntimeError("broken"))
                with pytest.raises(RuntimeError, match="broken"):
                    await handled
                for _ in range(2):
                    with pytest.raises(ProducerSendError, match=r"1 of the records for flights could not.*broken"):
                        await app.producer.flush()
                assert lost.exception() is not None
                await app.producer.flush()

    run(scenario)


def test_who_wants_to_hear_of_each_record_does() -> None:
    async def scenario() -> None:
        async with sending() as (app, client):
            topic, heard = Topic(app, topics=["flights"]), []
            assert type(await topic.send(key="k", value=1)) is Sent
            client.take()[0].done(0)

            class Ear(Sensor):
                def on_send_initiated(self, producer: Any, topic: Any, message: Any, keysize: int, valsize: int) -> Any:
                    heard.append(topic)

            app.sensors.add(Ear())
            await topic.send(key="k", value=2)
            assert heard == ["flights"]
            assert client.take()[0].records() == [(b"k", b"2")]

    run(scenario)


def test_receivers_of_the_signal_may_add_headers() -> None:
    async def scenario() -> None:
        async with sending() as (app, client):
            topic = Topic(app, topics=["flights"])

            def add(sender: Any, headers: Any = None, **rest: Any) -> None:
                headers.append(("test", b"1"))

            app.on_produce_message.connect(add)
            try:
                *_, headers = await sent_by(topic, client, key="k", value=1)
            finally:
                app.on_produce_message.disconnect(add)
            assert headers == [("test", b"1")]

    run(scenario)


def test_an_app_that_is_not_on_the_fast_path_sends_as_faust() -> None:
    async def scenario() -> None:
        async with sending() as (app, _):
            app.__class__ = SlowApp
            topic = Topic(app, topics=["flights"])
            assert type(await topic.send(key="k", value=1)) is not Sent
            assert topic._way is None

    run(scenario)


def test_derived_topics_and_clones_are_such_topics() -> None:
    topic = Topic(offline_app(), topics=["flights"])
    assert type(topic.derive(suffix="-x")) is Topic
    assert type(topic.clone()) is Topic


def test_refusals_are_fausts() -> None:
    async def scenario() -> None:
        async with sending(max_request_size=1000) as (app, client):
            topic = Topic(app, topics=["flights"])
            with pytest.raises(ProducerSendError, match="MessageSizeTooLarge"):
                await topic.send(key="k", value="x" * 2000)
            with pytest.raises(TypeError, match="JSON"):
                await topic.send(key="k", value=object())
            client._message_accumulator._closed = True
            with pytest.raises(ProducerSendError, match="ProducerClosed"):
                await topic.send(key="k", value=1)

    run(scenario)


def test_another_producer_takes_over() -> None:
    async def scenario() -> None:
        async with sending() as (app, client):
            topic = Topic(app, topics=["flights"])
            await topic.send(key="k", value=1)
            client.take()[0].done(0)
            app.producer.outbox.detach()
            async with offline_client() as other:
                app.producer.outbox.attach(other)
                assert type(await topic.send(key="k", value=2)) is Sent
                assert other.take()[0].records() == [(b"k", b"2")]

    run(scenario)
