"""What is posted is sent in order, once, within bounds, and no failure of it goes unnoticed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordTooLargeError, UnknownTopicOrPartitionError
from faust.exceptions import NotReady, ProducerSendError
from faust.sensors.base import Sensor
from faust.sensors.monitor import Monitor

from framework.streams.sending import outbox as outbox_module
from framework.streams.sending.outbox import Outbox
from framework.streams.sending.sent import Sent
from framework.streams.sensors import can_hear_of_many
from tests.unit.streams.fakes import run, settle
from tests.unit.streams.offline_client import OfflineClient, offline_client


@asynccontextmanager
async def outbox_of(sensors: Any = (), **options: Any) -> AsyncIterator[tuple[Outbox, OfflineClient]]:
    async with offline_client(**options) as client:
        outbox = Outbox(sensors)
        outbox.attach(client)
        yield outbox, client


def post(outbox: Outbox, *values: bytes, partition: int | None = 0) -> list[Sent]:
    sent = [outbox.post_now("flights", partition, b"k", value) for value in values]
    assert None not in sent
    return sent  # type: ignore[return-value]


def values(taken: Any) -> list[bytes]:
    return [value for _, value in taken.records()]


# --- order ------------------------------------------------------------------------------------------------------------


def test_records_have_the_batchs_offset_and_their_own() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            sent = post(outbox, b"a", b"b", b"c")
            (taken,) = client.take()
            assert values(taken) == [b"a", b"b", b"c"]
            assert not sent[0].done()
            taken.done(100)
            metadata = [await each for each in sent]
            assert [each.offset for each in metadata] == [100, 101, 102]
            assert metadata[0].topic_partition == ("flights", 0)
            assert metadata[0].timestamp_type == 0

    run(scenario)


def test_timestamps_are_the_brokers_where_it_sets_them() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            mine = outbox.post_now("flights", 0, None, b"a", timestamp=12.5)
            client.take()[0].done(0)
            theirs = outbox.post_now("flights", 0, None, b"a", timestamp=12.5)
            client.take()[0].done(1, timestamp=99)
            assert mine is not None
            assert theirs is not None
            assert (mine.result().timestamp, mine.result().timestamp_type) == (12_500, 0)
            assert (theirs.result().timestamp, theirs.result().timestamp_type) == (99, 1)

    run(scenario)


def test_ordinary_sends_may_come_in_between() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            post(outbox, b"a")
            future = await client.send("flights", b"b", partition=0)
            (third,) = post(outbox, b"c")
            (taken,) = client.take()
            assert values(taken) == [b"a", b"b", b"c"]
            taken.done(7)
            assert ((await future).offset, (await third).offset) == (8, 9)

    run(scenario)


def test_a_batch_that_was_begun_the_ordinary_way_is_gone_on_with() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            await client.send("flights", b"a", partition=0)
            (second,) = post(outbox, b"b")
            (taken,) = client.take()
            assert values(taken) == [b"a", b"b"]
            taken.done(0)
            assert (await second).offset == 1

    run(scenario)


def test_a_full_batch_is_followed_by_another() -> None:
    async def scenario() -> None:
        async with outbox_of(max_batch_size=1000) as (outbox, client):
            written = [b"%d" % number + b"x" * 300 for number in range(8)]
            post(outbox, *written)
            read = []
            while taken := client.take():
                read += values(taken[0])
                taken[0].done(0)
            assert read == written

    run(scenario)


def test_nothing_gets_into_a_batch_that_was_taken_and_is_not_built_yet() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            post(outbox, b"a")
            (first,) = client.take()
            post(outbox, b"b")
            assert values(first) == [b"a"]
            first.done(0)
            assert values(client.take()[0]) == [b"b"]

    run(scenario)


def test_a_batch_that_is_sent_again_goes_first_and_unchanged() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            sent = post(outbox, b"a")
            (first,) = client.take()
            first.build()
            first.again()
            sent += post(outbox, b"b")
            (again,) = client.take()
            assert values(again) == [b"a"]
            again.done(0)
            client.take()[0].done(1)
            assert [(await each).offset for each in sent] == [0, 1]

    run(scenario)


# --- partitions -------------------------------------------------------------------------------------------------------


def test_a_topic_with_more_partitions_has_its_keys_moved() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            keys = [b"key-%d" % number for number in range(50)]
            for partitions in (4, 9):
                client.know("flights", partitions)
                for key in keys:
                    outbox.post_now("flights", None, key, b"v")
                for taken in client.take():
                    for key, _ in taken.records():
                        assert client._partition("flights", None, None, None, key, b"v") == taken.tp.partition

    run(scenario)


def test_long_keys_are_not_remembered() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            for key in (b"k" * 256, b"k" * 257):
                for _ in range(2):
                    outbox.post_now("flights", None, key, b"v")
                for taken in client.take():
                    assert client._partition("flights", None, None, None, key, b"v") == taken.tp.partition
                    taken.done(0)
            assert list(outbox.topic("flights")._by_key) == [b"k" * 256]

    run(scenario)


def test_records_without_a_key_go_anywhere() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            for _ in range(200):
                outbox.post_now("flights", None, None, b"v")
            assert {taken.tp.partition for taken in client.take()} == {0, 1, 2, 3}

    run(scenario)


def test_a_partitioner_of_the_users_is_asked_each_time() -> None:
    async def scenario() -> None:
        turns = iter(range(100))
        async with outbox_of(partitioner=lambda key, all_, available: next(turns) % 4) as (outbox, client):
            for _ in range(8):
                outbox.post_now("flights", None, b"k", b"v")
            assert sorted((taken.tp.partition, len(taken.records())) for taken in client.take()) == [
                (0, 2),
                (1, 2),
                (2, 2),
                (3, 2),
            ]

    run(scenario)


def test_partition_that_is_not_there() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, _):
            with pytest.raises(AssertionError, match="Unrecognized partition"):
                outbox.post_now("flights", 4, b"k", b"v")
            with pytest.raises(AssertionError, match="Need at least one"):
                outbox.post_now("flights", 0, None, None)

    run(scenario)


def test_unknown_topic_is_waited_for() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            assert outbox.post_now("new", None, b"k", b"v") is None

            async def create(topic: str) -> None:
                client.know(topic, 2)

            client.client._wait_on_metadata = create
            assert isinstance(await outbox.post("new", None, b"k", b"v"), Sent)
            client.know("new", 0)
            assert outbox.post_now("new", None, b"k", b"v") is None

    run(scenario)


def test_topic_that_does_not_come() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):

            async def refuse(topic: str) -> None:
                raise UnknownTopicOrPartitionError

            client.client._wait_on_metadata = refuse
            with pytest.raises(ProducerSendError, match="UnknownTopicOrPartition"):
                await outbox.post("new", None, b"k", b"v")

    run(scenario)


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_a_record_larger_than_a_batch_goes_and_one_larger_than_a_request_does_not() -> None:
    async def scenario() -> None:
        async with outbox_of(max_batch_size=1000, max_request_size=10_000) as (outbox, client):
            post(outbox, b"a", b"b" * 5000, b"c")
            with pytest.raises(ProducerSendError, match="MessageSizeTooLarge") as raised:
                outbox.post_now("flights", 0, None, b"d" * 10_000)
            assert isinstance(raised.value.__cause__, MessageSizeTooLargeError)
            with pytest.raises(MessageSizeTooLargeError):
                await client.send("flights", b"d" * 10_000, partition=0)
            post(outbox, b"e")
            read = []
            while taken := client.take():
                read += values(taken[0])
                taken[0].done(0)
            assert read == [b"a", b"b" * 5000, b"c", b"e"]

    run(scenario)


def test_a_batch_is_not_larger_than_a_request() -> None:
    """Else a record that fits into an open batch would not be refused."""

    async def scenario() -> None:
        async with outbox_of(max_batch_size=50_000, max_request_size=1000) as (outbox, client):
            post(outbox, b"a")
            with pytest.raises(ProducerSendError, match="MessageSizeTooLarge"):
                outbox.post_now("flights", 0, None, b"b" * 2000)
            post(outbox, b"c" * 700, b"d" * 700)
            read = []
            while taken := client.take():
                assert len(taken[0]._batch.get_data_buffer()) <= 1000
                read += values(taken[0])
                taken[0].done(0)
            assert read == [b"a", b"c" * 700, b"d" * 700]

    run(scenario)


def test_senders_wait_while_too_much_is_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(outbox_module, "MAX_ON_THE_WAY", 2500)
        async with outbox_of(max_batch_size=1000) as (outbox, client):
            count = 0
            while outbox.post_now("flights", 0, None, b"x" * 400) is not None:
                count += 1
            assert 4 <= count <= 8
            waiting = asyncio.ensure_future(outbox.post("flights", 0, None, b"last"))
            await settle()
            assert not waiting.done()
            client.take()[0].done(0)
            await waiting
            read = []
            while taken := client.take():
                read += values(taken[0])
                taken[0].done(0)
            assert read[-1] == b"last"
            await outbox.flush()
            assert outbox._bytes == 0
            assert outbox.unsent == 0

    run(scenario)


def test_a_wait_for_room_ends_like_the_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(outbox_module, "MAX_ON_THE_WAY", 0)
        async with outbox_of(request_timeout_ms=10) as (outbox, _):
            with pytest.raises(ProducerSendError, match="KafkaTimeoutError"):
                await outbox.post("flights", 0, None, b"v")

    run(scenario)


def test_nothing_is_taken_without_a_client() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            kept = outbox.topic("flights")
            post(outbox, b"a")
            outbox.detach()
            assert outbox.post_now("flights", 0, None, b"v") is None
            assert kept.post(b"k", b"v") is None
            with pytest.raises(NotReady):
                await outbox.post("flights", 0, None, b"v")
            assert values(client.take()[0]) == [b"a"]

    run(scenario)


def test_a_client_that_has_closed_or_failed_takes_nothing() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            client._message_accumulator.fail_all(KafkaError("gone"))
            with pytest.raises(ProducerSendError, match="gone"):
                outbox.post_now("flights", 0, None, b"v")
            client._closed = True
            with pytest.raises(ProducerSendError, match="ProducerClosed"):
                outbox.post_now("flights", 0, None, b"v")

    run(scenario)


# --- failures ---------------------------------------------------------------------------------------------------------


def fail(client: OfflineClient) -> None:
    client.take()[0].fail(RecordTooLargeError())


def test_flush_waits_for_what_was_posted_before_it() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            await outbox.flush()
            post(outbox, b"a")
            flushing = asyncio.ensure_future(outbox.flush())
            await settle()
            (first,) = client.take()
            post(outbox, b"b")
            await settle()
            assert not flushing.done()
            first.done(0)
            await flushing

    run(scenario)


def test_a_failure_that_nobody_looks_at_is_told_for_good() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            post(outbox, b"a", b"b")
            fail(client)
            for _ in range(2):
                with pytest.raises(ProducerSendError, match=r"2 of the records for flights\[0\].*RecordTooLarge"):
                    await outbox.flush()
            post(outbox, b"c")
            client.take()[0].done(0)
            with pytest.raises(ProducerSendError):
                await outbox.flush()

    run(scenario)


def test_a_failure_is_the_senders_who_awaits_it() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            first, second = post(outbox, b"a", b"b")
            awaiting = asyncio.ensure_future(_awaited(first))
            await settle()
            fail(client)
            with pytest.raises(ProducerSendError, match="1 of the records"):
                await outbox.flush()
            assert isinstance(second.exception(), RecordTooLargeError)
            await outbox.flush()
            with pytest.raises(RecordTooLargeError):
                await awaiting
            with pytest.raises(RecordTooLargeError):
                second.result()

    run(scenario)


def test_who_has_given_up_waiting_has_not_been_told() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            (sent,) = post(outbox, b"a")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(_awaited(sent), 0.001)
            assert not sent.done()
            fail(client)
            with pytest.raises(ProducerSendError):
                await outbox.flush()

    run(scenario)


def test_who_is_cancelled_when_it_fails_has_not_been_told() -> None:
    """In the same moment: the outcome is known, and the sender hears only that it is cancelled."""

    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            (sent,) = post(outbox, b"a")
            waiting = asyncio.ensure_future(_awaited(sent))
            await settle(5)
            fail(client)
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            assert waiting.cancelled()
            with pytest.raises(ProducerSendError):
                await outbox.flush()

    run(scenario)


def test_who_gives_up_waiting_takes_nothing_from_the_others() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            sent = post(outbox, b"a", b"b")
            waiting = [asyncio.ensure_future(_awaited(each)) for each in sent]
            await settle()
            waiting[0].cancel()
            await settle()
            client.take()[0].done(5)
            assert (await waiting[1]).offset == 6
            assert sent[0].result().offset == 5

    run(scenario)


def test_what_is_posted_while_a_batch_fails_fails_with_it() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            post(outbox, b"a")
            client._message_accumulator.fail_all(KafkaError("gone"))
            (late,) = post(outbox, b"b")
            with pytest.raises(ProducerSendError, match="2 of"):
                await outbox.flush()
            assert isinstance(late.exception(), KafkaError)

    run(scenario)


def test_a_failure_of_an_ordinary_send_can_be_watched_for() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            sent = outbox.watch("flights", await client.send("flights", b"a", partition=0))
            lost = outbox.watch("flights", await client.send("flights", b"b", partition=1))
            first, second = client.take()
            first.done(3)
            second.fail(RecordTooLargeError())
            assert (await sent).offset == 3
            with pytest.raises(ProducerSendError, match="1 of the records for flights could not"):
                await outbox.flush()
            assert lost.exception() is not None
            await outbox.flush()

    run(scenario)


async def _awaited(sent: Sent) -> Any:
    return await sent


# --- like a future ----------------------------------------------------------------------------------------------------


def test_like_a_future() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            sent = post(outbox, b"a", b"b", b"c")
            told: list[Sent] = []
            forgotten: list[Sent] = []
            sent[0].add_done_callback(told.append)
            sent[1].add_done_callback(forgotten.append)
            assert sent[1].remove_done_callback(forgotten.append) == 1
            with pytest.raises(asyncio.InvalidStateError):
                sent[0].result()
            with pytest.raises(asyncio.InvalidStateError):
                sent[0].exception()
            assert (sent[0].cancel(), sent[0].cancelled()) == (False, False)
            all_of_them = asyncio.gather(*sent)
            done_at_last = asyncio.ensure_future(asyncio.wait(sent))  # type: ignore[type-var]
            await settle()
            client.take()[0].done(0)
            assert [each.offset for each in await all_of_them] == [0, 1, 2]
            assert (await done_at_last)[1] == set()
            assert (told, forgotten) == ([sent[0]], [])
            assert sent[0].exception() is None

    run(scenario)


def test_brokers_that_do_not_acknowledge() -> None:
    async def scenario() -> None:
        async with outbox_of(acks=0) as (outbox, client):
            (sent,) = post(outbox, b"a")
            client.take()[0]._batch.done_noack()
            assert await sent is None
            await outbox.flush()

    run(scenario)


# --- sensors ----------------------------------------------------------------------------------------------------------


def test_monitors_count_as_they_would() -> None:
    async def scenario() -> None:
        monitor = Monitor()
        async with outbox_of([monitor]) as (outbox, client):
            sent = post(outbox, *[b"v"] * 5)
            client.take()[0].done(0)
            await sent[0]
            await outbox.flush()
            assert monitor.messages_sent == 5
            assert monitor.messages_sent_by_topic == {"flights": 5}
            assert len(monitor.send_latency) == 1
            post(outbox, *[b"v"] * 3)
            fail(client)
            with pytest.raises(ProducerSendError):
                await outbox.flush()
            assert (monitor.messages_sent, monitor.send_errors) == (8, 3)

    run(scenario)


def test_which_sensors_can_be_told_by_the_batch() -> None:
    class Mine(Monitor):
        pass

    assert can_hear_of_many([])
    assert can_hear_of_many([Monitor()])
    assert not can_hear_of_many([Monitor(), Sensor()])
    assert not can_hear_of_many([Mine()])


def test_prometheus_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    class Metric:
        def __init__(self) -> None:
            self.total, self.observed, self.label = 0, [0.0][:0], ""

        def labels(self, topic: str) -> "Metric":
            self.label = topic
            return self

        def inc(self, by: int) -> None:
            self.total += by

        def observe(self, value: float) -> None:
            self.observed.append(value)

    class PrometheusMonitor(Monitor):
        _metrics = SimpleNamespace(
            topic_messages_sent=Metric(),
            total_sent_messages=Metric(),
            producer_send_latency=Metric(),
            total_error_messages_sent=Metric(),
            producer_error_send_latency=Metric(),
        )

    module = SimpleNamespace(PrometheusMonitor=PrometheusMonitor)
    monkeypatch.setitem(__import__("sys").modules, "faust.sensors.prometheus", module)

    async def scenario() -> None:
        monitor = PrometheusMonitor()
        assert can_hear_of_many([monitor])
        async with outbox_of([monitor]) as (outbox, client):
            post(outbox, *[b"v"] * 5)
            client.take()[0].done(0)
            post(outbox, *[b"v"] * 3)
            fail(client)
            with pytest.raises(ProducerSendError):
                await outbox.flush()
        metrics = monitor._metrics
        assert (metrics.topic_messages_sent.total, metrics.topic_messages_sent.label) == (8, "topic.flights")
        assert (metrics.total_sent_messages.total, len(metrics.producer_send_latency.observed)) == (5, 5)
        assert (metrics.total_error_messages_sent.total, len(metrics.producer_error_send_latency.observed)) == (3, 3)

    run(scenario)
