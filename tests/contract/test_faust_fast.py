"""What the way of a record by the run (`framework/streams`) assumes of Faust, mode and aiokafka.

Written against faust-streaming 0.15.3, mode-streaming 0.7.1 and aiokafka 0.14.0.
"""

import asyncio
import inspect
from typing import Any

import faust
import pytest
from aiokafka.consumer import fetcher as fetching
from faust import streams
from faust.agents.agent import Agent as FaustAgent
from faust.agents.replies import BarrierState, ReplyConsumer, ReplyPromise
from faust.models.base import Model
from faust.sensors.monitor import Monitor
from faust.sensors.prometheus import PrometheusMonitor
from faust.serializers.registry import Registry
from faust.transport import consumer as consumers
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, tuples
from faust.utils import json as faust_json
from mode.supervisors import SupervisorStrategy
from mode.utils import queues

from framework.streams.agents import buffering, stream
from framework.streams.agents.agent import Agent
from framework.streams.reading.batches import BatchConsumer
from framework.streams.reading.events import Message
from framework.streams.reading.queues import ChannelQueue
from tests.contract.contract import (
    Has,
    check_accepts,
    check_has,
    check_overrides,
    parameters_of,
    versions,
)
from tests.unit.membership.apps import offline_app
from tests.unit.streams.batch_bytes import Batch, FakeFetcher, joined, legacy
from tests.unit.streams.fakes import run
from tests.unit.streams.feeding import fed

LIBRARY = versions("faust-streaming", "mode-streaming", "aiokafka")

AGENT = "framework/streams/agents/agent.py"
ATTACHED = "framework/streams/sending/attached.py"
BATCHES = "framework/streams/reading/batches.py"
BUFFERING = "framework/streams/agents/buffering.py"
COUNTING = "framework/streams/agents/counting.py"
DECODING = "framework/streams/reading/decoding.py"
DERIVING = "framework/streams/agents/deriving.py"
EVENTS = "framework/streams/reading/events.py"
FETCHING = "framework/streams/reading/fetching.py"
HEARING = "framework/streams/agents/hearing.py"
REPLACING = "framework/streams/agents/replacing.py"
QUEUES = "framework/streams/reading/queues.py"
REPLIES = "framework/streams/agents/replies.py"
DELIVERING = "framework/streams/delivering.py"
COMMITTING = "framework/streams/reading/committing.py"
STREAM = "framework/streams/agents/stream.py"
UNPACKING = "framework/streams/reading/unpacking.py"

NAMES = [
    Has(streams, "_current_event", None, f"{STREAM} `_records`"),
    Has(streams.Stream, "_enable_passive", ("channel", "declare"), f"{DERIVING} `_chained_before`"),
    Has(streams.Stream, "_channel_stop_iteration", ("channel",), f"{STREAM} `_records`"),
    Has(ReplyConsumer, "_start_fetcher", ("topic_name",), f"{REPLIES}, which overrides it"),
    Has(ReplyConsumer, "_reply_topic", ("topic",), f"{REPLIES} `_start_fetcher`"),
    Has(ReplyConsumer, "add", ("correlation_id", "promise"), f"{REPLIES}, which overrides it"),
    Has(ReplyPromise, "fulfill", ("correlation_id", "value"), f"{REPLIES} `_answer`"),
    Has(faust.Channel, "on_key_decode_error", ("exc", "message"), f"{REPLIES} `_drain`, which replaces it"),
    Has(faust.Channel, "on_value_decode_error", ("exc", "message"), f"{REPLIES} `_drain`, which replaces it"),
    Has(faust.App, "_reply_consumer", None, f"{DELIVERING}, which overrides it"),
    Has(streams.Stream, "_finalized", None, f"{DERIVING} `_chained_before`"),
    Has(streams.Stream, "_next", None, f"{DERIVING} `_chained_before`"),
    Has(streams.Stream, "add_processor", ("processor",), f"{DERIVING}, which overrides it"),
    Has(streams.Stream, "derive_topic", None, f"{DERIVING} `echo`"),
    Has(streams, "maybe_forward", ("value", "channel"), f"{DERIVING} `echo`"),
    Has(streams.Stream, "ack", ("event",), f"{HEARING}, which overrides it"),
    Has(streams.Stream, "_prev", None, f"{STREAM} `_end`"),
    Has(FaustAgent, "_execute_actor", ("coro", "aref"), f"{AGENT}, which overrides it"),
    Has(FaustAgent, "_replace_actor", ("service", "index"), f"{REPLACING}, which overrides it"),
    Has(FaustAgent, "_new_supervisor", (), f"{REPLACING}, which overrides it"),
    Has(FaustAgent, "on_isolated_partitions_revoked", ("revoked",), f"{REPLACING}, which overrides it"),
    Has(
        FaustAgent,
        "actor_from_stream",
        ("stream", "index", "active_partitions", "channel"),
        f"{AGENT}, which overrides it",
    ),
    Has(consumers.Consumer, "ack", ("message",), f"{BATCHES}, which overrides it"),
    Has(tuples, "ack_lock", None, "framework/streams/reading/runs.py"),
    Has(Model, "_blessed_key", None, f"{DECODING} `BLESSED`"),
    Has(Registry, "_prepare_payload", ("typ", "value"), f"{DECODING} `_finisher`"),
    Has(Registry, "_serializer", ("typ", "*alt"), f"{DECODING} `_serializer`"),
    Has(faust.Topic, "_compile_decode", (), f"{DECODING} `_is_plain`"),
    Has(faust_json, "orjson", None, f"{DECODING} `_codec_loader`"),
    Has(PrometheusMonitor, "_stream_label", ("stream",), f"{COUNTING} `_to_prometheus`"),
    Has(asyncio.Queue, "_wakeup_next", ("waiters",), f"{QUEUES} `wait`"),
    Has(consumers.Consumer, "_filter_tps_with_pending_acks", ("topics",), f"{BATCHES}, which overrides it"),
    Has(consumers.Consumer, "_wait_for_ack", ("timeout",), f"{BATCHES} `wait_empty`"),
    Has(consumers.Consumer, "_waiting_for_ack", None, f"{BATCHES} `on_finished`"),
    Has(driver.Consumer, "_commit_offsets", ("offsets", "start_new_transaction"), f"{BATCHES}, which overrides it"),
    Has(fetching.Fetcher, "_create_fetch_waiter", (), f"{FETCHING} `_fetch_runs`"),
    Has(fetching.Fetcher, "_notify", ("future",), f"{UNPACKING} `_forget`"),
    Has(fetching.FetchResult, "_update_position", (), f"{UNPACKING} `_take_run`"),
    Has(fetching.FetchResult, "check_assignment", ("tp",), f"{UNPACKING} `_take_run`"),
]


@pytest.mark.parametrize("has", NAMES, ids=str)
def test_name(has: Has) -> None:
    check_has(has, LIBRARY)


@pytest.mark.parametrize("owner", [buffering.Stream, Agent, BatchConsumer, ChannelQueue, Message])
def test_each_override_can_be_called_like_what_it_overrides(owner: type) -> None:
    check_overrides(owner, LIBRARY)


@pytest.mark.parametrize("name", ["events", "items", "__aiter__"])
def test_loops_are_asked_for_without_arguments(name: str) -> None:
    assert parameters_of(getattr(streams.Stream, name)) == parameters_of(getattr(stream.Stream, name)) == ()


MESSAGE = (
    "topic partition offset timestamp timestamp_type headers key value checksum serialized_key_size"
    " serialized_value_size tp"
)


def test_message_takes_what_is_passed() -> None:
    found = list(inspect.signature(tuples.ConsumerMessage.__init__).parameters)[1:13]
    assert found == [
        "topic",
        "partition",
        "offset",
        "timestamp",
        "timestamp_type",
        "headers",
        "key",
        "value",
        "checksum",
        "serialized_key_size",
        "serialized_value_size",
        "tp",
    ], f"{EVENTS} passes these to ConsumerMessage of {LIBRARY} in another order."
    check_accepts(tuples.ConsumerMessage.__init__, "generation_id", EVENTS, LIBRARY)


STREAM_ATTRIBUTES = (
    "_active_agens _processors _on_message_in _on_message_out _on_stream_event_in _on_stream_event_out _prev _next"
    " _passive_started"
    " channel concurrency_index current_event enable_acks join_strategy task_owner"
)


@pytest.mark.parametrize("name", STREAM_ATTRIBUTES.split())
def test_attribute_of_a_stream(name: str) -> None:
    async def scenario() -> None:
        app = offline_app()
        assert hasattr(app.stream(app.topic("flights")), name), f"Stream.{name} is gone from {LIBRARY}; see {STREAM}."

    run(scenario)


def test_attribute_of_a_reply_consumer() -> None:
    assert ReplyConsumer(offline_app())._fetchers == {}, f"ReplyConsumer._fetchers is not in {LIBRARY}; see {REPLIES}."


def test_barrier_keeps_its_answers_in_a_queue() -> None:
    async def scenario() -> None:
        barrier = BarrierState("replies")
        found = barrier._results
        assert isinstance(found, asyncio.Queue), f"BarrierState._results is no queue in {LIBRARY}; see {REPLIES}."

    run(scenario)


QUEUE_ATTRIBUTES = "_errors _getters _putters _queue"


@pytest.mark.parametrize("name", QUEUE_ATTRIBUTES.split())
def test_attribute_of_a_queue(name: str) -> None:
    queue: Any = queues.ThrowableQueue(flow_control=queues.FlowControlEvent())
    assert hasattr(queue, name), f"ThrowableQueue.{name} is gone from {LIBRARY}; see {QUEUES}."


def test_queues_of_channels_are_cleared_with_the_flow() -> None:
    async def scenario() -> None:
        app = offline_app()
        queue = app.topic("flights").queue
        assert type(queue) is ChannelQueue
        assert queue in app.flow_control._queues, f"A revoke no longer empties the queues of channels; see {BATCHES}."

    run(scenario)


AGENT_ATTRIBUTES = "_on_error _actor_by_partition"


def test_bucket_of_a_supervisor_waits_where_it_raises_nothing() -> None:
    async def scenario() -> None:
        bucket = SupervisorStrategy(max_restarts=1000.0)._bucket
        assert bucket.raises is not None
        bucket.raises = None
        for _ in range(5):
            async with bucket:
                pass

    run(scenario)


@pytest.mark.parametrize("name", AGENT_ATTRIBUTES.split())
def test_attribute_of_an_agent(name: str) -> None:
    async def scenario() -> None:
        app = offline_app()

        @app.agent(app.topic("flights"))
        async def sums(flights: Any) -> None: ...

        assert hasattr(sums, name), f"Agent.{name} is gone from {LIBRARY}; see {AGENT}."

    run(scenario)


def test_indexes_of_the_conductor() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            channel = aiter(feeding.app.topic("flights"))
            await feeding.index()
            assert feeding.app.topics._tp_index[TP("flights", 0)] == {channel}
            assert feeding.app.topics.acks_enabled_for("flights")

    run(scenario)


FETCHER_ATTRIBUTES = "_fetch_max_wait_ms _records _wait_consume_future"


def test_attributes_of_a_fetcher() -> None:
    source = inspect.getsource(fetching.Fetcher.__init__)
    for name in FETCHER_ATTRIBUTES.split():
        assert f"self.{name} =" in source, f"Fetcher.{name} is gone from {LIBRARY}. It is used in {UNPACKING}."


@pytest.mark.parametrize(
    "data", [joined(Batch(0, (0,))), legacy((0,), magic=1), legacy((0,), magic=0)], ids=["v2", "v1", "v0"]
)
def test_attributes_of_batches_and_records(data: bytes) -> None:
    async def scenario() -> None:
        fetcher = FakeFetcher()
        fetcher.hold(data)
        (result,) = fetcher._records.values()
        source = result._partition_records
        assert (source.next_fetch_offset, source._isolation_level, source._check_crcs) == (0, 0, True)
        assert inspect.isgenerator(source._records_iterator)
        batch = source._records.next_batch()
        assert (batch.next_offset, batch.is_control_batch, batch.validate_crc()) == (1, False, True)
        (record,) = batch
        for name in ["offset", "key", "value", "timestamp", "timestamp_type", "headers", "checksum"]:
            assert hasattr(record, name), f"Records of {LIBRARY} have no {name} any more; see {EVENTS}."

    run(scenario)


NUMBERS = (
    "messages_received_total messages_received_by_topic messages_active tp_read_offsets events_total events_active"
    " events_by_stream events_by_task events_runtime stream_inbound_time stream_lookup task_lookup"
)


@pytest.mark.parametrize("name", NUMBERS.split())
def test_number_of_a_monitor(name: str) -> None:
    assert f"self.{name}" in inspect.getsource(Monitor) or hasattr(Monitor, name), (
        f"Monitor.{name} is gone from {LIBRARY}; see {COUNTING}."
    )
