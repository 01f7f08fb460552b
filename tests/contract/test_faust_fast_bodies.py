"""Functions of Faust, mode and aiokafka that the way of a record by the run replaces, wraps or relies on.

Written against faust-streaming 0.15.3, mode-streaming 0.7.1 and aiokafka 0.14.0.
"""

import faust
import pytest
from aiokafka.consumer import fetcher as fetching
from faust import channels, streams
from faust.agents import replies
from faust.agents.actor import Actor
from faust.agents.agent import Agent as FaustAgent
from faust.app._attached import Attachments
from faust.models.base import Model
from faust.sensors.monitor import Monitor
from faust.sensors.prometheus import PrometheusMonitor
from faust.serializers import codecs
from faust.serializers.registry import Registry
from faust.serializers.schemas import Schema
from faust.transport import consumer as consumers
from faust.transport.conductor import Conductor
from faust.types import tuples
from mode.services import Service
from mode.supervisors import SupervisorStrategy
from mode.utils import queues

from tests.contract.contract import SameBody, check_same_body
from tests.contract.test_faust_fast import (
    AGENT,
    ATTACHED,
    BATCHES,
    BUFFERING,
    COMMITTING,
    COUNTING,
    DECODING,
    DELIVERING,
    DERIVING,
    EVENTS,
    FETCHING,
    HEARING,
    LIBRARY,
    QUEUES,
    REPLACING,
    REPLIES,
    STREAM,
    UNPACKING,
)

BODIES = [
    SameBody(streams.Stream, "_py_aiter", "125c81c2d38d6c76", f"{STREAM} `_records` replaces"),
    SameBody(streams.Stream, "_enable_passive", "f7bc69b127f3ef37", f"{DERIVING} `_chained_before` calls"),
    SameBody(streams.Stream, "echo", "226980d2a7b841f5", f"{DERIVING} replaces"),
    SameBody(streams.Stream, "_format_key", "72d569eb7ad35620", f"{DERIVING} replaces"),
    SameBody(streams.Stream, "ack", "c3cfc8c4fc8f0e58", f"{HEARING} replaces"),
    SameBody(streams.Stream, "_passive_drainer", "2b7bb533004629cb", f"{DERIVING} replaces"),
    SameBody(replies.ReplyConsumer, "_start_fetcher", "a3552056a457c0e2", f"{REPLIES} replaces"),
    SameBody(replies.ReplyConsumer, "_drain_replies", "fe119b4aa0eb5d66", f"{REPLIES} `_drain` replaces"),
    SameBody(faust.Event, "__aexit__", "006fc7b388b87fc7", f"{EVENTS} `PlainEvent` replaces"),
    SameBody(faust.App, "create_event", "1d85387ec96be690", f"{DELIVERING} replaces"),
    SameBody(consumers.Consumer, "_handle_attached", "16ca7e37eb11b721", f"{COMMITTING} `_commit_tps` replaces"),
    SameBody(Attachments, "put", "f72930f214b2e711", f"{ATTACHED} replaces"),
    SameBody(faust.Event, "_attach", "0423fe7d066c301e", f"{ATTACHED} relies on: it calls `put` with the message"),
    SameBody(
        Attachments,
        "publish_for_tp_offset",
        "cfef2101d2eee233",
        f"{ATTACHED} `publish` replaces",
    ),
    SameBody(consumers.Consumer, "_commit_tps", "b83d551c32787010", f"{COMMITTING} replaces"),
    SameBody(faust.App, "_producer_flush", "8ee470a400e6581b", f"{DELIVERING} wraps: what it raises ends a stop"),
    SameBody(Service, "_execute_task", "bebf0364a837e2c7", f"{DELIVERING} wraps"),
    SameBody(streams.Stream, "_chain", "6b7488861d2490d6", f"{DERIVING} relies on: it sets `_next`"),
    SameBody(streams.Stream, "stop", "eb31c48db1bef4ca", f"{STREAM} `_end` relies on: it stops the whole chain"),
    SameBody(streams.Stream, "on_stop", "ac064c7e0cc35d48", f"{STREAM} relies on: it closes `_active_agens`"),
    SameBody(streams.Stream, "group_by", "ecec6ca17d959b7e", f"{DERIVING} wraps"),
    SameBody(streams.Stream, "through", "884fcee5fa1418cc", f"{DERIVING} wraps"),
    SameBody(streams.Stream, "take", "564b027a4f913ef6", f"{BUFFERING} replaces"),
    SameBody(streams.Stream, "take_events", "3eabc46f38f44665", f"{BUFFERING} replaces"),
    SameBody(streams.Stream, "noack_take", "ad0a704eef3c1f69", f"{BUFFERING} replaces"),
    SameBody(streams.Stream, "take_with_timestamp", "10afe9b8937eec11", f"{BUFFERING} replaces"),
    SameBody(streams.Stream, "events", "bed62827877656f6", f"{STREAM} replaces"),
    SameBody(streams.Stream, "items", "8aff901376872c46", f"{STREAM} replaces"),
    SameBody(streams, "current_event", "3b821f1a78d86a58", f"{EVENTS} relies on: it calls what is in the variable"),
    SameBody(channels.Channel, "on_key_decode_error", "d56dce0cb2bf56ce", f"{STREAM} `_give_up` calls"),
    SameBody(channels.Channel, "on_value_decode_error", "f27b16d6f836918e", f"{STREAM} `_give_up` calls"),
    SameBody(
        channels.Channel,
        "on_decode_error",
        "9d41a69d82558342",
        f"{STREAM} `_give_up` relies on: it throws the error in",
    ),
    SameBody(FaustAgent, "_execute_actor", "f5fa58d0f95a15a5", f"{AGENT} wraps"),
    SameBody(FaustAgent, "_replace_actor", "ff42d1c81fe532bd", f"{AGENT} relies on: the next body has the same stream"),
    SameBody(FaustAgent, "actor_from_stream", "e471f7df8e35271f", f"{AGENT} relies on: a body begins later"),
    SameBody(FaustAgent, "on_isolated_partitions_revoked", "ddddad6324959877", f"{REPLACING} wraps"),
    SameBody(Actor, "on_isolated_partition_revoked", "a0f583ca5f24f58f", f"{REPLACING} relies on: it stops the actor"),
    SameBody(faust.Topic, "on_stop_iteration", "8f8e50c0c6283639", f"{REPLACING} calls: the conductor forgets it"),
    SameBody(Conductor, "_update_tp_index", "41331c63e985e6df", f"{REPLACING} relies on: it insists on what is there"),
    SameBody(
        SupervisorStrategy,
        "restart_service",
        "a61588ec9306ab39",
        f"{AGENT} relies on: it may give up",
    ),
    SameBody(SupervisorStrategy, "_supervisor", "4405dc642eef0992", f"{AGENT} relies on"),
    SameBody(tuples.Message, "ack", "3c9ee05236d3fe1f", f"{EVENTS} relies on: it asks `on_final_ack`"),
    SameBody(tuples.Message, "decref", "15b30eed4f4bb53c", f"{EVENTS} relies on"),
    SameBody(tuples.Message, "incref", "12d6494512e3b64b", f"{EVENTS} relies on"),
    SameBody(tuples.ConsumerMessage, "on_final_ack", "818bf19da0010b2e", f"{EVENTS} `on_final_ack` replaces"),
    SameBody(faust.Event, "ack", "5e8bcc5ff1f12e21", f"{EVENTS} `ack` replaces"),
    SameBody(faust.App, "create_event", "1d85387ec96be690", f"{STREAM} replaces where it is the only way"),
    SameBody(Schema, "loads_key", "2e1724f7a6a7d248", f"{DECODING} `_key_loader` replaces"),
    SameBody(Schema, "loads_value", "d5a89118ae853bec", f"{DECODING} `_value_loader` replaces"),
    SameBody(Schema, "compile", "bd271ec59690d13e", f"{DECODING} replaces"),
    SameBody(Registry, "loads_key", "3b1a591985c220c1", f"{DECODING} `_key_loader` replaces"),
    SameBody(Registry, "loads_value", "ef6387ff5ca4773e", f"{DECODING} `_value_loader` replaces"),
    SameBody(Registry, "_prepare_payload", "5455c1a423303ec0", f"{DECODING} `_finisher` calls"),
    SameBody(codecs, "loads", "2232adc15982e124", f"{DECODING} `_codec_loader` replaces"),
    SameBody(codecs.Codec, "loads", "ad22f5d43bf2b2f0", f"{DECODING} `_codec_loader` calls"),
    SameBody(codecs.json, "_loads", "61091475826462db", f"{DECODING} replaces by orjson"),
    SameBody(codecs.raw, "_loads", "e2296c86a54dec13", f"{DECODING} leaves out"),
    SameBody(Model, "_maybe_reconstruct", "3c9dc7eb5de74538", f"{STREAM} leaves out where there is no `__faust`"),
    SameBody(Model, "_maybe_namespace", "8d32597600566b30", f"{STREAM} leaves out where there is no `__faust`"),
    SameBody(faust.Topic, "_compile_decode", "f30130922bceddf7", f"{DECODING} replaces"),
    SameBody(Monitor, "on_message_in", "a2ed6a359743782a", f"{COUNTING} `count` replaces"),
    SameBody(Monitor, "on_message_out", "ae62eaec781dec80", f"{COUNTING} `count` replaces"),
    SameBody(Monitor, "on_stream_event_in", "de452defd9dad12e", f"{COUNTING} `count` replaces"),
    SameBody(Monitor, "on_stream_event_out", "dd7e69014a8edac2", f"{COUNTING} `count` replaces"),
    SameBody(PrometheusMonitor, "on_message_in", "ca48bebdc88b19d8", f"{COUNTING} `_to_prometheus` replaces"),
    SameBody(PrometheusMonitor, "on_message_out", "b158086fc51f7bbf", f"{COUNTING} `_to_prometheus` replaces"),
    SameBody(PrometheusMonitor, "on_stream_event_in", "64e7c6965087ce5c", f"{COUNTING} `_to_prometheus` replaces"),
    SameBody(PrometheusMonitor, "on_stream_event_out", "52230784a254b6c6", f"{COUNTING} `_to_prometheus` replaces"),
    SameBody(queues.ThrowableQueue, "get", "b98b9af878310420", f"{QUEUES} `head` replaces"),
    SameBody(queues.ThrowableQueue, "get_nowait", "f8119070e87fea60", f"{QUEUES} `head` calls"),
    SameBody(queues.ThrowableQueue, "empty", "2c99135d57d28ad8", f"{QUEUES} `empty` wraps"),
    SameBody(queues.ThrowableQueue, "clear", "607d27b207983d4f", f"{QUEUES} `clear` wraps"),
    SameBody(
        queues.ThrowableQueue,
        "_throw",
        "713ea005ca7f4925",
        f"{QUEUES} `wait` relies on: who waits gets it",
    ),
    SameBody(queues.FlowControlQueue, "force_put_nowait", "85a030cafc2cedf0", f"{QUEUES} `put_slice` calls"),
    SameBody(queues.FlowControlEvent, "clear", "ad25d8fa610ebf2a", f"{BATCHES} relies on: queues are emptied"),
    SameBody(queues.FlowControlEvent, "resume", "da6fc70c770ea01b", f"{BATCHES} relies on: queues are emptied"),
    SameBody(consumers.Consumer, "ack", "5548cf0f75843f73", f"{BATCHES} `ack` wraps"),
    SameBody(consumers.Consumer, "seek", "7c61d5bd222aef82", f"{BATCHES} `seek` wraps"),
    SameBody(consumers.Consumer, "wait_empty", "53195dca246c0a86", f"{BATCHES} `wait_empty` replaces"),
    SameBody(consumers.Consumer, "_wait_for_ack", "0d4f76b083a90a1b", f"{BATCHES} `wait_empty` calls"),
    SameBody(consumers.Consumer, "_filter_tps_with_pending_acks", "cccdca32d241b14c", f"{BATCHES} replaces"),
    SameBody(consumers.Consumer, "_filter_committable_offsets", "4fb75ba687d078b9", f"{BATCHES} `_new_offset` answers"),
    SameBody(consumers.Consumer, "_should_commit", "91d8eb1ef6bf4994", f"{BATCHES} relies on: no commit goes back"),
    SameBody(consumers.Consumer, "_commit_offsets", "86b3e9b0aec773ac", f"{BATCHES} `_commit_offsets` wraps"),
    SameBody(consumers.Consumer, "on_partitions_revoked", "652177e770ee66d6", f"{BATCHES} wraps"),
    SameBody(fetching.Fetcher, "fetched_records", "e20ce0c8117f12d2", f"{FETCHING} `_fetch_runs` replaces"),
    SameBody(fetching.Fetcher, "_create_fetch_waiter", "65046fcd40e702ff", f"{FETCHING} `_fetch_runs` calls"),
    SameBody(fetching.Fetcher, "_notify", "b0c2aa8e3cc1b158", f"{UNPACKING} `_forget` calls"),
    SameBody(fetching.FetchResult, "getall", "b638929de3431c67", f"{UNPACKING} `_take_run` replaces"),
    SameBody(fetching.FetchResult, "check_assignment", "2ffd6c1af9bc64df", f"{UNPACKING} `_take_run` calls"),
    SameBody(fetching.FetchResult, "has_more", "10119aeb1b758c59", f"{UNPACKING} `_take_run` calls"),
    SameBody(fetching.FetchResult, "_update_position", "85766baa5d437392", f"{UNPACKING} `_take_run` calls"),
    SameBody(fetching.PartitionRecords, "_unpack_records", "047f7fc3f005c220", f"{UNPACKING} `_take_run` replaces"),
    SameBody(fetching.PartitionRecords, "__next__", "0c0c7e1a9e163108", f"{UNPACKING} leaves its iterator out"),
]


@pytest.mark.parametrize("body", BODIES, ids=str)
def test_body(body: SameBody) -> None:
    check_same_body(body, LIBRARY)
