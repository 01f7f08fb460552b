"""What the way of a record (`framework/streams`) assumes of Faust; an upgrade that breaks it fails here.

Written against faust-streaming 0.15.3.
"""

import inspect

import pytest
from aiokafka.consumer.fetcher import Fetcher
from faust.tables.manager import TableManager as FaustTableManager
from faust.tables.recovery import Recovery as FaustRecovery
from faust.transport import consumer as consumers
from faust.transport.conductor import Conductor
from faust.transport.drivers import aiokafka as driver
from faust.transport.producer import ProducerBuffer as FaustProducerBuffer

from framework.streams.reading.committing import CommittingConsumer
from framework.streams.reading.delivery import DeliveringConsumer
from framework.streams.reading.fetching import FetchingThread
from framework.streams.sending.producing import Producer, ProducerBuffer
from framework.streams.tables.manager import TableManager
from framework.streams.tables.recovery import Recovery
from tests.contract.contract import Has, SameBody, check_has, check_overrides, check_same_body, versions

LIBRARY = versions("faust-streaming", "aiokafka")

DELIVERY = "framework/streams/reading/delivery.py"
COMMITTING = "framework/streams/reading/committing.py"
FETCHING = "framework/streams/reading/fetching.py"
PRODUCING = "framework/streams/sending/producing.py"
RECOVERY = "framework/streams/tables/recovery.py"
TABLES = "framework/streams/tables/manager.py"

NAMES = [
    # The consumer.
    Has(driver.Consumer, "_drain_messages", ("fetcher",), f"{DELIVERY}, which overrides it"),
    Has(driver.Consumer, "getmany", ("timeout",), f"{DELIVERY}, which overrides it"),
    Has(driver.Consumer, "_getmany", ("active_partitions", "timeout"), f"{DELIVERY} `_fetch`"),
    Has(driver.Consumer, "resume_partitions", ("tps",), f"{DELIVERY}, which overrides it"),
    Has(driver.Consumer, "pause_partitions", ("tps",), f"{DELIVERY}, which overrides it"),
    Has(
        driver.AIOKafkaConsumerThread,
        "verify_event_path",
        ("now", "tp"),
        "framework/streams/reading/fetching.py, which overrides it",
    ),
    Has(driver.Consumer, "perform_seek", (), f"{DELIVERY}, which overrides it"),
    Has(
        driver.Consumer,
        "on_partitions_assigned",
        ("assigned", "generation_id"),
        f"{DELIVERY}, which overrides it",
    ),
    Has(driver.Consumer, "_seek", ("partition", "offset"), f"{DELIVERY}, which overrides it"),
    Has(driver.Consumer, "_new_offset", ("tp",), f"{COMMITTING}, which overrides it"),
    Has(driver.Consumer, "commit_and_end_transactions", (), f"{COMMITTING}, which overrides it"),
    Has(driver.Consumer, "_filter_committable_offsets", ("tps",), f"{COMMITTING} `_commit_tps`"),
    Has(driver.Consumer, "maybe_wait_for_commit_to_finish", (), f"{COMMITTING} `commit_and_end_transactions`"),
    Has(driver.Consumer, "commit", None, f"{DELIVERY} `_deliver`"),
    Has(driver.Consumer, "_get_active_partitions", (), f"{DELIVERY} `_fetch`"),
    Has(driver.Consumer, "_is_changelog_tp", ("tp",), f"{DELIVERY} `perform_seek`"),
    Has(driver.Consumer, "_to_message", ("tp", "record"), f"{DELIVERY} `getmany`"),
    Has(driver.Consumer, "highwater", ("tp",), f"{DELIVERY} `getmany`"),
    Has(driver.Consumer, "consumer_stopped_errors", None, f"{DELIVERY} `_drain_messages`"),
    # The consumer's thread.
    Has(
        driver.AIOKafkaConsumerThread,
        "_fetch_records",
        ("consumer", "active_partitions", "timeout", "max_records"),
        f"{FETCHING}, which overrides it",
    ),
    Has(
        driver.AIOKafkaConsumerThread,
        "on_partitions_assigned",
        ("assigned", "generation_id"),
        f"{FETCHING}, which overrides it",
    ),
    Has(driver.AIOKafkaConsumerThread, "_seek_wait", ("consumer", "partitions"), f"{FETCHING}, which overrides it"),
    Has(driver.AIOKafkaConsumerThread, "_highwaters", ("partitions",), f"{FETCHING}, which overrides it"),
    Has(driver.AIOKafkaConsumerThread, "seek_to_beginning", ("*partitions",), f"{FETCHING}, which overrides it"),
    Has(driver.AIOKafkaConsumerThread, "topic_partitions", ("topic",), f"{FETCHING}, which overrides it"),
    Has(driver.AIOKafkaConsumerThread, "_ensure_consumer", (), f"{FETCHING} `_set_position`"),
    Has(driver.AIOKafkaConsumerThread, "assignment", (), f"{FETCHING} `_seek_back`"),
    Has(driver.AIOKafkaConsumerThread, "call_thread", ("fun", "*args", "**kwargs"), FETCHING),
    Has(driver, "ensure_aiokafka_TP", ("tp",), f"{FETCHING} `_set_position`"),
    Has(Fetcher, "fetched_records", ("partitions", "timeout", "max_records"), f"{FETCHING} `_fetch_records`"),
    # The producer.
    Has(FaustProducerBuffer, "__post_init__", (), f"{PRODUCING}, which overrides it"),
    Has(FaustProducerBuffer, "put", ("fut",), f"{PRODUCING}, which overrides it"),
    Has(FaustProducerBuffer, "_send_pending", ("fut",), f"{PRODUCING}, which overrides it"),
    Has(FaustProducerBuffer, "flush", (), f"{PRODUCING}, which overrides it"),
    Has(FaustProducerBuffer, "wait_until_ebb", (), f"{PRODUCING}, which overrides it"),
    Has(FaustProducerBuffer, "max_messages", None, f"{PRODUCING} `wait_until_ebb`"),
    # The tables.
    Has(FaustRecovery, "__post_init__", (), f"{RECOVERY}, which overrides it"),
    Has(FaustRecovery, "_set_recovery_started", (), f"{RECOVERY}, which overrides it"),
    Has(FaustTableManager, "recovery", None, f"{TABLES}, which overrides it"),
    Has(FaustTableManager, "_recovery", None, f"{TABLES} `recovery`"),
]

BODIES = [
    SameBody(consumers.Consumer, "_drain_messages", "8f35dd7a11144daa", f"{DELIVERY} `_drain_messages` replaces"),
    SameBody(consumers.Consumer, "getmany", "e486c434b7928ee8", f"{DELIVERY} `getmany` replaces"),
    SameBody(consumers.Consumer, "_wait_next_records", "ba40cd3671328d3b", f"{DELIVERY} `_fetch` replaces"),
    SameBody(consumers.Consumer, "perform_seek", "2b4ceebd23deb7ee", f"{DELIVERY} `perform_seek` replaces"),
    SameBody(consumers.Consumer, "resume_partitions", "fc6392136c275c6c", f"{DELIVERY} `resume_partitions` wraps"),
    SameBody(
        consumers.Consumer, "on_partitions_assigned", "c07feb1175f7dcf1", f"{DELIVERY} `on_partitions_assigned` wraps"
    ),
    SameBody(consumers.Consumer, "_new_offset", "2b29afe4dd9a65a3", f"{COMMITTING} `_new_offset` replaces"),
    SameBody(consumers.Consumer, "_add_gap", "f1cc1db634f5ea09", f"{DELIVERY} `_deliver` calls"),
    SameBody(consumers.Consumer, "commit", "e43a7d03685f9206", f"{DELIVERY} `_deliver` calls"),
    SameBody(consumers.Consumer, "maybe_wait_for_commit_to_finish", "14281eda99cfc09c", f"{COMMITTING} calls"),
    SameBody(consumers.Consumer, "commit_and_end_transactions", "cdc86f2fe3634db6", f"{COMMITTING} wraps"),
    SameBody(
        driver.AIOKafkaConsumerThread, "_fetch_records", "9e7369fc572de4d0", f"{FETCHING} `_fetch_records` replaces"
    ),
    SameBody(driver.AIOKafkaConsumerThread, "_seek_wait", "98f8aa716db26656", f"{FETCHING} `_seek_wait` wraps"),
    SameBody(
        driver.AIOKafkaConsumerThread, "seek_to_beginning", "f36ff3bd14fc0245", f"{FETCHING} `seek_to_beginning` wraps"
    ),
    SameBody(
        driver.AIOKafkaConsumerThread, "topic_partitions", "ebe279528da9ae5b", f"{FETCHING} `topic_partitions` replaces"
    ),
    SameBody(
        driver.AIOKafkaConsumerThread,
        "getmany",
        "1b1c58046a9b2bb7",
        f"{FETCHING} relies on: it hands our batch on as it is",
    ),
    SameBody(driver.Producer, "__init__", "ed712f88acbc5637", f"{PRODUCING} `Producer` replaces the buffer of"),
    SameBody(FaustProducerBuffer, "put", "7716c9c980a0b32e", f"{PRODUCING} `put` wraps"),
    SameBody(FaustProducerBuffer, "_send_pending", "cb00d4e896f85576", f"{PRODUCING} `_send_pending` wraps"),
    SameBody(FaustProducerBuffer, "flush", "95dd35cdc3ce50b5", f"{PRODUCING} `flush` replaces"),
    SameBody(FaustProducerBuffer, "wait_until_ebb", "191a87d5d9c66467", f"{PRODUCING} `wait_until_ebb` replaces"),
    SameBody(FaustRecovery, "_restart_recovery", "f93138b040ef1bc2", f"{RECOVERY} relies on"),
    SameBody(FaustRecovery, "_slurp_changelogs", "7e3120dad754763d", f"{RECOVERY} `_slurp_changelogs` replaces"),
    SameBody(FaustRecovery, "_set_recovery_started", "4a070fa901b0b9df", f"{RECOVERY} `_set_recovery_started` wraps"),
]


@pytest.mark.parametrize("has", NAMES, ids=str)
def test_name(has: Has) -> None:
    check_has(has, LIBRARY)


@pytest.mark.parametrize("body", BODIES, ids=str)
def test_body(body: SameBody) -> None:
    check_same_body(body, LIBRARY)


@pytest.mark.parametrize(
    "owner", [CommittingConsumer, DeliveringConsumer, FetchingThread, ProducerBuffer, Producer, Recovery, TableManager]
)
def test_each_override_can_be_called_like_what_it_overrides(owner: type) -> None:
    check_overrides(owner, LIBRARY)


CONSUMER_ATTRIBUTES = (
    "_acked _acked_index _active_partitions _buffered_partitions _commit_every _commit_fut _committed_offset _gap"
    " _n_acked _paused_partitions _read_offset app callback can_resume_flow flow_active scheduler suspend_flow"
)


@pytest.mark.parametrize("name", CONSUMER_ATTRIBUTES.split())
def test_attribute_of_a_consumer(name: str) -> None:
    source = inspect.getsource(consumers.Consumer)
    assert f"self.{name} " in source or f"{name}: " in source or hasattr(consumers.Consumer, name), (
        f"Consumer.{name} is gone from {LIBRARY}. It is used in {DELIVERY} or {COMMITTING}."
    )


@pytest.mark.parametrize("name", ["_closed", "_subscriptions"])
def test_attribute_of_a_fetcher(name: str) -> None:
    assert f"self.{name} =" in inspect.getsource(Fetcher.__init__), (
        f"Fetcher.{name} is gone from {LIBRARY}. It is used in {FETCHING} `_fetch_records`."
    )


def test_conductor_knows_the_channels_of_a_partition() -> None:
    assert "tp_index[tp].add(topic)" in inspect.getsource(Conductor._update_tp_index), (
        f"Conductor._tp_index of {LIBRARY} is no longer {{partition: channels}}; {DELIVERY} `_has_room` reads it."
    )
