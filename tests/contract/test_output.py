"""What the way of a record out (`framework/streams/sending/outbox.py` and around it) assumes of aiokafka and Faust.

Written against aiokafka 0.14.0, faust-streaming 0.15.3 and mode-streaming 0.7.1.
"""

import asyncio
import inspect
from typing import Any

import pytest
from aiokafka import partitioner
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.producer import AIOKafkaProducer
from aiokafka.producer import message_accumulator as accumulating
from aiokafka.producer.sender import SendProduceReqHandler
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import RecordMetadata
from faust.channels import SerializedChannel
from faust.sensors.base import SensorDelegate
from faust.sensors.monitor import Monitor
from faust.serializers import codecs
from faust.serializers.registry import Registry
from faust.serializers.schemas import Schema
from faust.topics import Topic as FaustTopic
from faust.transport import producer as producers
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import RecordMetadata as FaustRecordMetadata
from mode.signals import BaseSignal

from framework.streams.sending.producing import Producer, ProducerBuffer
from framework.streams.sending.topics import Topic
from tests.contract.contract import Has, SameBody, check_has, check_overrides, check_same_body, versions
from tests.unit.membership.apps import offline_app
from tests.unit.streams.fakes import run
from tests.unit.streams.offline_client import offline_client

LIBRARY = versions("aiokafka", "faust-streaming", "mode-streaming")

ACCUMULATING = "framework/streams/sending/accumulating.py"
APPENDING = "framework/streams/sending/appending.py"
COUNTS = "framework/streams/sending/send_counts.py"
OUTBOX = "framework/streams/sending/outbox.py"
PARTITIONING = "framework/streams/sending/partitioning.py"
PRODUCING = "framework/streams/sending/producing.py"
SENT = "framework/streams/sending/sent.py"
SERIALIZING = "framework/streams/sending/serializing.py"
TOPICS = "framework/streams/sending/topics.py"

NAMES = [
    Has(AIOKafkaClient, "_wait_on_metadata", ("topic",), f"{ACCUMULATING} `wait_for_metadata`"),
    Has(AIOKafkaClient, "add_topic", ("topic",), "framework/streams/sending/remembering.py, which does it by hand"),
    Has(ClusterMetadata, "add_listener", ("listener",), f"{ACCUMULATING} `on_metadata`"),
    Has(ClusterMetadata, "partitions_for_topic", ("topic",), f"{ACCUMULATING} `partitions`"),
    Has(ClusterMetadata, "available_partitions_for_topic", ("topic",), f"{ACCUMULATING} `partitions`"),
    Has(DefaultRecordBatchBuilder, "estimate_size_in_bytes", None, f"{ACCUMULATING} `check`"),
    Has(FaustTopic, "_get_producer", (), f"{TOPICS} `_find_way`"),
    Has(BaseSignal, "_create_id", None, f"{TOPICS} `_find_way`"),
    Has(driver.Producer, "allow_headers", None, f"{TOPICS} `_find_way`"),
    Has(driver.Producer, "_new_producer", ("transactional_id",), f"{PRODUCING}, which overrides it"),
    Has(driver.Producer, "on_start", (), f"{PRODUCING}, which overrides it"),
    Has(driver.Producer, "on_stop", (), f"{PRODUCING}, which overrides it"),
    Has(accumulating.MessageAccumulator, "_append_batch", ("builder", "tp"), f"{ACCUMULATING} `new_batch`"),
    Has(AIOKafkaProducer, "_partition", None, f"{ACCUMULATING} `_choose`"),
    Has(Registry, "_serializer", ("typ", "*alt"), f"{SERIALIZING} `key_dump`"),
    Has(codecs, "_json", None, f"{SERIALIZING} `_json_dump`"),
    Has(asyncio.Future, "_log_traceback", None, f"{OUTBOX} `raise_if_lost`"),
    Has(asyncio.Future, "_exception", None, f"{OUTBOX} `_on_soon`"),
]

BODIES = [
    SameBody(accumulating.BatchBuilder, "append", "65992902ef83c7cb", f"{APPENDING} `Appender.post` replaces"),
    SameBody(
        accumulating.BatchBuilder,
        "close",
        "eeec9fe1220a7d71",
        f"{APPENDING} `Appender.post` relies on: it sets `_closed`",
    ),
    SameBody(
        accumulating.BatchBuilder, "_build", "2ac3562b09c12335", f"{APPENDING} relies on: it closes before it builds"
    ),
    SameBody(accumulating.MessageBatch, "append", "20237ffadf638f96", f"{APPENDING} `Appender.post` replaces"),
    SameBody(accumulating.MessageBatch, "done", "3593c71c89aa6da9", f"{SENT} `metadata` replaces for one record"),
    SameBody(
        accumulating.MessageBatch, "done_noack", "9a2057247b853239", f"{SENT} `metadata` relies on: the result is None"
    ),
    SameBody(accumulating.MessageBatch, "failure", "1a80d3cc49a2052e", f"{SENT} `Parcel.error` relies on"),
    SameBody(
        accumulating.MessageBatch,
        "drain_ready",
        "b327a36dd6b15145",
        f"{APPENDING} relies on: it counts `_retry_count` up",
    ),
    SameBody(accumulating.MessageAccumulator, "add_message", "2f8ee718e1d7bb00", f"{APPENDING} `post_first` replaces"),
    SameBody(accumulating.MessageAccumulator, "_append_batch", "edfa9c58877ae4d7", f"{ACCUMULATING} `new_batch` calls"),
    SameBody(
        accumulating.MessageAccumulator, "create_builder", "6882ec64fe8d9129", f"{ACCUMULATING} `new_batch` calls"
    ),
    SameBody(
        accumulating.MessageAccumulator,
        "_pop_batch",
        "6dc3d1b621452ef1",
        f"{APPENDING} relies on: it takes the first batch",
    ),
    SameBody(
        accumulating.MessageAccumulator,
        "reenqueue",
        "5b1222b685b94604",
        f"{APPENDING} relies on: the batch goes in front",
    ),
    SameBody(
        accumulating.MessageAccumulator,
        "drain_by_nodes",
        "cc2f3eafe1e19ba6",
        f"{APPENDING} relies on: one batch a partition",
    ),
    SameBody(accumulating.MessageAccumulator, "fail_all", "408861a4748d9961", f"{ACCUMULATING} `check` relies on"),
    SameBody(accumulating.MessageAccumulator, "flush", "2236ca5ca9e4294c", f"{PRODUCING} `flush` relies on"),
    SameBody(SendProduceReqHandler, "do", "89912727d3c89bfb", f"{APPENDING} relies on: a batch is put back or ends"),
    SameBody(AIOKafkaProducer, "send", "ec0d5784d9f39383", f"{OUTBOX} `post` replaces"),
    SameBody(AIOKafkaProducer, "_serialize", "32a47968b52ac289", f"{ACCUMULATING} `check` replaces"),
    SameBody(AIOKafkaProducer, "_partition", "94cd5b19c6f27cfb", f"{APPENDING} `TopicAppender` replaces"),
    SameBody(partitioner.DefaultPartitioner, "__call__", "f1834e240f82cea6", f"{PARTITIONING} `partition_of` replaces"),
    SameBody(partitioner, "murmur2", "62179ca184949379", f"{PARTITIONING} `murmur2` replaces"),
    SameBody(FaustTopic, "send", "d9feef3485dba25f", f"{TOPICS} `send` replaces"),
    SameBody(FaustTopic, "publish_message", "5233ad2ac1e56018", f"{TOPICS} `send` replaces"),
    SameBody(FaustTopic, "_on_published", "1242f6b07f9c62e9", f"{TOPICS} `send` replaces"),
    SameBody(SerializedChannel, "prepare_key", "f5666760ac6b9453", f"{SERIALIZING} `key_dump` replaces"),
    SameBody(SerializedChannel, "prepare_value", "cff1578016807a2b", f"{SERIALIZING} `value_dump` replaces"),
    SameBody(SerializedChannel, "as_future_message", "8aab557e14bd7b72", f"{TOPICS} `send` replaces"),
    SameBody(Schema, "dumps_key", "3166440e5c25471d", f"{SERIALIZING} `key_dump` replaces"),
    SameBody(Schema, "dumps_value", "367bc5cdfc8906fe", f"{SERIALIZING} `value_dump` replaces"),
    SameBody(Registry, "_serializer", "60cefe4a886dfe5c", f"{SERIALIZING} calls"),
    SameBody(Registry, "dumps_key", "85ae67360332bd00", f"{SERIALIZING} `key_dump` replaces"),
    SameBody(Registry, "dumps_value", "d5936567b252cd01", f"{SERIALIZING} `value_dump` replaces"),
    SameBody(codecs.Codec, "dumps", "94894c9ee10be0a8", f"{SERIALIZING} `_dump` replaces"),
    SameBody(codecs.json, "_dumps", "cd8dd50f8dd48376", f"{SERIALIZING} `_json_dump` replaces"),
    SameBody(codecs.raw, "_dumps", "7ec28ceb5970f2b7", f"{SERIALIZING} `_raw_dump` replaces"),
    SameBody(driver.Producer, "send", "72f84e7a1b56328e", f"{TOPICS} `send` replaces"),
    SameBody(driver.Producer, "flush", "31d2ece965d57f14", f"{PRODUCING} `flush` wraps"),
    SameBody(producers.Producer, "send_soon", "9e915b74783dbb7c", f"{PRODUCING} relies on: it puts into the buffer"),
    SameBody(Monitor, "on_send_initiated", "700a8cb4529caf47", f"{COUNTS} `count_batch` replaces"),
    SameBody(Monitor, "on_send_completed", "3bc3b8ca314cccec", f"{COUNTS} `count_batch` replaces"),
    SameBody(Monitor, "on_send_error", "f7c1eb36ca2e4536", f"{COUNTS} `count_batch` replaces"),
    SameBody(SensorDelegate, "add", "ac1fe6b002d7787b", f"{TOPICS} relies on: `_sensors` grows"),
    SameBody(BaseSignal, "iter_receivers", "5342e2109a477b88", f"{TOPICS} `_Way.is_open` replaces"),
]


@pytest.mark.parametrize("has", NAMES, ids=str)
def test_name(has: Has) -> None:
    check_has(has, LIBRARY)


@pytest.mark.parametrize("body", BODIES, ids=str)
def test_body(body: SameBody) -> None:
    check_same_body(body, LIBRARY)


@pytest.mark.parametrize("owner", [Topic, Producer, ProducerBuffer])
def test_each_override_can_be_called_like_what_it_overrides(owner: type) -> None:
    check_overrides(owner, LIBRARY)


def test_send_takes_what_fausts_takes() -> None:
    assert set(inspect.signature(Topic.send).parameters) == set(inspect.signature(FaustTopic.send).parameters), (
        f"Topic.send of {LIBRARY} has other parameters now. Change {TOPICS}."
    )


def test_metadata_has_fausts_fields() -> None:
    assert RecordMetadata._fields[:6] == FaustRecordMetadata._fields


ATTRIBUTES = (
    "_message_accumulator _metadata _partitioner _max_request_size _request_timeout_ms _closed client._retry_backoff"
    " _message_accumulator._batches _message_accumulator._batch_size _message_accumulator._closed"
    " _message_accumulator._exception"
)
"""Of an `AIOKafkaProducer`, and of what it has."""

OTHER_ATTRIBUTES = "_retry_count _builder _relative_offset _receivers _filter_receivers _sensors _attachments _metrics"
"""Of batches, of Faust's signals, sensors and app; looked at below."""


@pytest.mark.parametrize("name", ATTRIBUTES.split())
def test_attribute_of_a_producer(name: str) -> None:
    async def scenario() -> None:
        async with offline_client() as client:
            found: Any = client
            for part in name.split("."):
                assert hasattr(found, part), f"AIOKafkaProducer.{name} is gone from {LIBRARY}; see {ACCUMULATING}."
                found = getattr(found, part)

    run(scenario)


def test_attributes_of_an_app() -> None:
    app = offline_app()
    assert app._attachments.enabled is False
    assert list(app.sensors._sensors) == list(app.sensors)
    signal = app.on_produce_message
    assert not signal._receivers
    assert not signal._filter_receivers.get(signal._create_id(app))

    def receiver(*_: Any, **__: Any) -> None: ...

    signal.connect(receiver)
    assert signal._receivers or signal._filter_receivers[signal._create_id(app)]
    signal.disconnect(receiver)


def test_attributes_of_a_batch_and_of_its_records() -> None:
    async def scenario() -> None:
        async with offline_client() as client:
            await client.send("flights", b"v", partition=0)
            (batch,) = next(iter(client._message_accumulator._batches.values()))
            builder = batch._builder
            assert (batch._retry_count, builder._closed, builder._relative_offset) == (0, False, 1)
            record = builder._builder.append(1, None, None, b"v", [])
            assert (record.offset, type(record.timestamp)) == (1, int)
            assert builder.size() > 0
            client.take()
            assert batch._retry_count == 1

    run(scenario)


def test_prometheus_monitor_counts_what_we_count() -> None:
    from faust.sensors.prometheus import PrometheusMonitor

    for method, names in {
        "on_send_initiated": "topic_messages_sent",
        "on_send_completed": "total_sent_messages producer_send_latency",
        "on_send_error": "total_error_messages_sent producer_error_send_latency",
    }.items():
        source = inspect.getsource(getattr(PrometheusMonitor, method))
        assert all(f"self._metrics.{name}" in source for name in names.split()), f"{method} changed; see {COUNTS}."
