"""What the framework assumes of Faust and mode beyond their public interface; an upgrade that breaks it fails here.

Written against faust-streaming 0.15.3 and mode-streaming 0.7.1.
"""

import asyncio
import inspect
from pathlib import Path
from typing import Any

import faust
import pytest
from aiohttp.web import AppRunner
from aiokafka.coordinator.protocol import ConsumerProtocol
from faust.app.base import App as FaustApp
from faust.app.base import BootStrategy
from faust.assignor.client_assignment import ClientMetadata
from faust.assignor.partition_assignor import PartitionAssignor
from faust.tables.manager import TableManager as FaustTableManager
from faust.transport import consumer as consumers
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import Message
from mode.services import Service
from mode.utils.queues import FlowControlEvent

from framework import App, Settings
from framework.membership.assignor import SeatAssignor
from framework.membership.transport import Consumer, ConsumerThread
from framework.options import faust_options
from framework.pages import REQUEST_GRACE
from framework.streams.tables.manager import TableManager
from tests.contract.contract import Has, SameBody, check_has, check_same_body, parameters_of, versions

LIBRARY = versions("faust-streaming", "mode-streaming")

TRANSPORT = "framework/membership/transport.py"
ASSIGNOR = "framework/membership/assignor.py"
TABLES = "framework/streams/tables/manager.py"
APP = "framework/app.py"
PAGES = "framework/pages.py"
WORKER = "framework/lifecycle/worker.py"
OPTIONS = "framework/options.py"
HOLDING = "framework/streams/holding.py"
PRODUCING = "framework/streams/sending/producing.py"

NAMES = [
    # The consumer's thread.
    Has(driver.AIOKafkaConsumerThread, "_create_worker_consumer", ("transport",), f"{TRANSPORT}, which overrides it"),
    Has(driver.AIOKafkaConsumerThread, "close", (), f"{TRANSPORT}, which overrides it"),
    Has(driver.AIOKafkaConsumerThread, "_consumer", None, f"{TRANSPORT} `Consumer.member`"),
    Has(driver, "server_list", ("urls", "default_port"), f"{TRANSPORT} `_create_worker_consumer`"),
    Has(driver, "credentials_to_aiokafka_auth", ("credentials", "ssl_context"), f"{TRANSPORT} and {APP}"),
    # The consumer.
    Has(driver.Consumer, "_new_consumer_thread", (), f"{TRANSPORT}, which overrides it"),
    Has(driver.Consumer, "on_partitions_revoked", ("revoked",), f"{TRANSPORT}, which overrides it"),
    Has(driver.Consumer, "_n_acked", None, f"{TRANSPORT} `has_progressed`"),
    Has(driver.Consumer, "assignment", (), f"{TRANSPORT} `on_partitions_revoked`"),
    Has(driver.Consumer, "wait_empty", (), f"{TRANSPORT} `on_partitions_revoked`"),
    Has(driver.Consumer, "stop_flow", (), f"{TRANSPORT} `_go_quiet`"),
    Has(driver.Consumer, "pause_partitions", ("tps",), f"{TRANSPORT} `_go_quiet`"),
    Has(driver.Consumer, "unacked", None, f"{APP} `in_flight`"),
    Has(consumers, "ensure_TPset", ("tps",), f"{TRANSPORT} `_go_quiet`"),
    Has(FlowControlEvent, "suspend", (), f"{TRANSPORT} `_go_quiet`"),
    Has(FlowControlEvent, "clear", (), f"{TRANSPORT} `_go_quiet`"),
    Has(FaustApp, "_new_web", (), f"{PAGES}, which overrides it"),
    Has(driver.Transport, "Consumer", None, f"{TRANSPORT} `Transport`, which puts ours in its place"),
    Has(driver.Transport, "default_port", None, f"{TRANSPORT} `_create_worker_consumer`"),
    # What the lease holds back.
    Has(faust.Stream, "on_merge", ("value",), f"{HOLDING}, which overrides it"),
    Has(driver.Producer, "_new_producer", ("transactional_id",), f"{PRODUCING}, which overrides it"),
    # The assignor.
    Has(PartitionAssignor, "__init__", ("app", "replicas"), f"{ASSIGNOR}, which overrides it"),
    Has(PartitionAssignor, "metadata", ("topics",), f"{ASSIGNOR}, which overrides it"),
    Has(PartitionAssignor, "assign", ("cluster", "member_metadata"), f"{ASSIGNOR}, which overrides it"),
    Has(
        PartitionAssignor,
        "_global_table_standby_assignments",
        ("assignments", "partitions_by_topic"),
        f"{ASSIGNOR}, which overrides it",
    ),
    Has(PartitionAssignor, "_compress", ("raw",), f"{ASSIGNOR} `_annotated`"),
    Has(PartitionAssignor, "_decompress", ("compressed",), f"{ASSIGNOR} `basis_of`"),
    # The tables.
    Has(FaustTableManager, "on_start", (), f"{TABLES}, which overrides it"),
    Has(FaustTableManager, "_update_channels", (), f"{TABLES} `on_start`"),
    Has(FaustTableManager, "recovery", None, f"{TABLES} `on_start`"),
    # The app.
    Has(BootStrategy, "_should_enable_web", (), f"{PAGES}, which overrides it"),
    Has(FaustApp, "BootStrategy", None, f"{PAGES}, which puts ours in its place"),
    Has(FaustApp, "_load_settings", ("silent",), f"{APP}, which overrides it"),
    Has(FaustApp, "_new_transport", (), f"{APP}, which overrides it"),
    Has(FaustApp, "_new_producer_transport", (), f"{APP}, which overrides it"),
    Has(FaustApp, "_create_directories", (), f"{APP}, which overrides it"),
    Has(FaustApp, "on_first_start", (), f"{APP}, which overrides it"),
    Has(FaustApp, "_consumer", None, f"{APP} `member` and `in_flight`"),
    Has(FaustApp, "crash", ("reason",), f"{APP} `on_membership_failure`"),
    Has(FaustApp, "worker_init", (), f"{WORKER} `_run`"),
    Has(FaustApp, "worker_init_post_autodiscover", (), f"{WORKER} `_run`"),
    Has(FaustApp, "discover", None, f"{WORKER} `_run`"),
    Has(FaustApp, "in_worker", None, f"{WORKER} `_run`"),
    Has(FaustApp, "start", (), f"{WORKER} `_run`"),
    Has(FaustApp, "stop", (), f"{WORKER} `_run`"),
    Has(FaustApp, "crash_reason", None, f"{WORKER} `_run`"),
    Has(faust.Settings, "setting_names", (), f"{OPTIONS} `refuse_unknown`"),
]

BODIES = [
    SameBody(driver.AIOKafkaConsumerThread, "_create_worker_consumer", "c179c0bdb9755c3a", f"{TRANSPORT} replicates"),
    SameBody(
        driver.AIOKafkaConsumerThread, "close", "8eadeb1981dbba93", f"{TRANSPORT} `ConsumerThread.close` leaves out"
    ),
    SameBody(
        driver.AIOKafkaConsumerThread,
        "_commit",
        "78c931ecfa8dde44",
        "framework/membership/coordinator_requests.py raises errors for",
    ),
    SameBody(
        driver.AIOKafkaConsumerThread,
        "_fetch_records",
        "9e7369fc572de4d0",
        f"{TRANSPORT} relies on: when it counts as fetching",
    ),
    SameBody(
        driver.AIOKafkaConsumerThread, "on_start", "675d03707bbecd3c", f"{TRANSPORT} relies on: it starts the consumer"
    ),
    SameBody(
        driver.AIOKafkaConsumerThread,
        "on_thread_stop",
        "cdbbe53230d20fb6",
        f"{TRANSPORT} relies on: it stops the consumer",
    ),
    SameBody(
        driver.Consumer, "_new_consumer_thread", "8fd0d41b15145615", f"{TRANSPORT} `_new_consumer_thread` replicates"
    ),
    SameBody(
        consumers.Consumer,
        "on_partitions_revoked",
        "652177e770ee66d6",
        f"{TRANSPORT} commits before, as it forgets the acks",
    ),
    SameBody(consumers.Consumer, "wait_empty", "53195dca246c0a86", f"{TRANSPORT} relies on: it commits"),
    SameBody(consumers.Consumer, "ack", "5548cf0f75843f73", f"{TRANSPORT} `has_progressed` reads the count of"),
    SameBody(consumers.Consumer, "stop_flow", "aa77389dc23a1981", f"{TRANSPORT} `_go_quiet` calls"),
    SameBody(FaustApp, "_on_partitions_revoked", "c1abd58dcb37f0a2", f"{TRANSPORT} `_go_quiet` does a part of before"),
    SameBody(
        FaustApp, "_on_rebalance_when_stopped", "603ccb5e2c261c23", f"{TRANSPORT} `ConsumerThread.close` is called by"
    ),
    SameBody(FaustTableManager, "on_start", "b82e759be50ccebe", f"{TABLES} `on_start` replicates, but for the sleep"),
    SameBody(FaustTableManager, "_update_channels", "c43fe8c0812bf9cb", f"{TABLES} `on_start` calls"),
    SameBody(faust.Stream, "on_merge", "8366a42301276d02", f"{HOLDING} `on_merge` wraps"),
    SameBody(
        faust.Stream,
        "_py_aiter",
        "125c81c2d38d6c76",
        f"{HOLDING} relies on: it merges each event before the body has it",
    ),
    SameBody(
        driver.Producer,
        "_new_producer",
        "a1bef421b9909a72",
        f"{PRODUCING} wraps: every client of Faust's is made there",
    ),
    SameBody(
        driver.Producer,
        "on_start",
        "a1601325eb84f271",
        f"{PRODUCING} relies on: it makes its client by `_new_producer`",
    ),
    SameBody(PartitionAssignor, "metadata", "068a800e78efa0ad", f"{ASSIGNOR} `metadata` wraps"),
    SameBody(PartitionAssignor, "on_assignment", "63482c10174f442e", f"{ASSIGNOR} relies on: which topics it accepts"),
    SameBody(
        PartitionAssignor,
        "_global_table_standby_assignments",
        "f672fcee7c529ad0",
        f"{ASSIGNOR} wraps: a number of partitions for each global table is all it wants",
    ),
    SameBody(
        PartitionAssignor, "_get_client_metadata", "9ab283a751140d43", f"{ASSIGNOR} relies on: it reads our user data"
    ),
    SameBody(FaustApp, "_load_settings", "83fac2967d1030bd", f"{APP} `_load_settings` wraps"),
    SameBody(FaustApp, "_new_transport", "11beddacb9fee5b0", f"{APP} `_new_transport` replaces"),
    SameBody(FaustApp, "_new_producer_transport", "4ebfd7e867b39ca6", f"{APP} `_new_producer_transport` replaces"),
    SameBody(FaustApp, "_create_directories", "11b6b0b79e317509", f"{APP} `_create_directories` replaces"),
    SameBody(FaustApp, "on_first_start", "a87e1f3590af2c9d", f"{APP} `on_first_start` wraps"),
    SameBody(FaustApp, "worker_init", "f4105058fd0ae983", f"{WORKER} `_run` calls"),
    SameBody(
        FaustApp, "worker_init_post_autodiscover", "f059cfaf5c3c3ad9", f"{WORKER} `_run` calls if there are pages"
    ),
    SameBody(BootStrategy, "_should_enable_web", "5b764f27df2bfc1d", f"{PAGES} `BootStrategy` replaces"),
    SameBody(Service, "crash", "6e0b5672cd830081", f"{WORKER} `_run` relies on: it sets `_crashed` and the reason"),
    SameBody(Service, "stop", "c7859eae93d25dee", f"{WORKER} `_run` relies on: it sets `_stopped`"),
]


@pytest.mark.parametrize("has", NAMES, ids=str)
def test_name(has: Has) -> None:
    check_has(has, LIBRARY)


@pytest.mark.parametrize("body", BODIES, ids=str)
def test_body(body: SameBody) -> None:
    check_same_body(body, LIBRARY)


@pytest.mark.parametrize("owner", [ConsumerThread, Consumer, SeatAssignor, TableManager, App])
def test_each_override_can_be_called_like_what_it_overrides(owner: type) -> None:
    base = owner.__mro__[1]
    for name, ours in vars(owner).items():
        theirs = getattr(base, name, None)
        if (
            name.startswith("__")
            or not inspect.isfunction(ours)
            or theirs is None
            or parameters_of(ours)[:1] == ("*args",)
        ):
            continue
        assert parameters_of(ours) == parameters_of(theirs), (
            f"{owner.__name__}.{name} takes {parameters_of(ours)}, but {LIBRARY} calls it with {parameters_of(theirs)}."
        )
        assert inspect.iscoroutinefunction(ours) == inspect.iscoroutinefunction(inspect.unwrap(theirs)), (
            f"{owner.__name__}.{name} and the method of {LIBRARY} it overrides must both be coroutines, or neither."
        )


@pytest.fixture
def app() -> App:
    return App("shop", settings=Settings.load(environ={}, env_file=None))


CONF = (
    "broker broker_client_id broker_commit_interval broker_consumer broker_credentials broker_check_crcs"
    " broker_heartbeat_interval broker_max_poll_interval broker_max_poll_records broker_producer"
    " broker_rebalance_timeout broker_request_timeout broker_session_timeout canonical_url"
    " consumer_auto_offset_reset consumer_connections_max_idle_ms consumer_group_instance_id consumer_max_fetch_size"
    " datadir appdir tabledir id reply_to ssl_context store web_bind web_host web_port autodiscover"
)
"""What is read from or written to Faust's settings."""


@pytest.mark.parametrize("name", CONF.split())
def test_setting(name: str, app: App) -> None:
    assert hasattr(app.conf, name), f"{LIBRARY} has no setting {name!r} any more; see {APP} `bind` and {TRANSPORT}."


@pytest.mark.parametrize("name", sorted(faust_options(Settings.load(environ={}, env_file=None)).keys() - {"env"}))
def test_option_that_we_pass(name: str) -> None:
    assert name in faust.Settings.setting_names(), (
        f"{LIBRARY} has no option {name!r} any more, and swallows it without a word; see {OPTIONS} `faust_options`."
    )


def test_environment_can_be_replaced() -> None:
    conf = faust.Settings("shop", env={"BROKER_URL": "kafka://from-env:1"})
    assert "from-env" in str(conf.broker), f"{LIBRARY} no longer takes `env`; see {OPTIONS} `faust_options`."


@pytest.mark.parametrize(
    "attribute", ["_stopped", "_crashed", "should_stop", "loop", "flow_control", "assignor", "tables", "transport"]
)
def test_attribute_of_an_app(attribute: str, app: App) -> None:
    assert hasattr(app, attribute), f"App.{attribute} is gone from {LIBRARY}; it is used in {WORKER} or {TRANSPORT}."


def test_options_are_kept_until_the_settings_are_loaded() -> None:
    app = FaustApp("shop", autodiscover=False)
    assert app._default_options == ("shop", {"autodiscover": False}), (
        f"App of {LIBRARY} no longer keeps its options in `_default_options`; {APP} `_load_settings` adds ours there."
    )


def test_crash_is_seen_from_outside(app: App) -> None:
    async def scenario() -> None:
        service = Service()
        waiting = asyncio.ensure_future(service._crashed.wait())
        reason = ValueError("a bug")
        await service.crash(reason)
        await asyncio.wait_for(waiting, 1.0)
        assert service.crash_reason is reason, f"{WORKER} `_run` raises the reason that {LIBRARY} keeps."

    asyncio.run(scenario())


def test_end_is_seen_from_outside() -> None:
    async def scenario() -> None:
        service = Service()
        await service.start()
        waiting = asyncio.ensure_future(service._stopped.wait())
        await service.stop()
        await asyncio.wait_for(waiting, 1.0)

    asyncio.run(scenario())


def test_commit_that_is_too_late_is_told_by_two_words() -> None:
    assert '"already rebalanced" in str(exc)' in inspect.getsource(driver.AIOKafkaConsumerThread._commit), (
        f"{LIBRARY} no longer tells a commit that came too late by the words `already rebalanced`, which"
        " framework/membership/coordinator_requests.py puts into its CommitFailedError: Faust would crash instead."
    )


def test_attribute_of_a_consumer() -> None:
    assert "self._thread = self._new_consumer_thread()" in inspect.getsource(
        consumers.ThreadDelegateConsumer.__init__
    ), f"The consumer of {LIBRARY} no longer keeps its thread in `_thread`; {TRANSPORT} `Consumer.member` looks there."


def test_consumer_carries_what_we_read() -> None:
    parameters = inspect.getsource(consumers.Consumer.__init__)
    for name in ("app", "_unacked_messages"):
        assert f"self.{name}" in parameters, f"Consumer.{name} is gone from {LIBRARY}; see {TRANSPORT} and {APP}."
    assert isinstance(inspect.getattr_static(driver.Consumer, "unacked"), property), f"see {APP} `in_flight`"
    assert "in_transaction" in dir(driver.Consumer) or "self.in_transaction" in parameters, f"see {TRANSPORT}"


@pytest.mark.parametrize("name", ["topic", "partition", "offset", "acked"])
def test_message_carries_what_we_log(name: str) -> None:
    assert name in {*Message.__slots__, *dir(Message)}, f"Message.{name} is gone from {LIBRARY}; see {APP} `in_flight`."


def test_compiled_streams_count_acks_too() -> None:
    """The count tells a member that works through a full buffer from one that is stuck."""
    source = Path(inspect.getfile(consumers)).parents[1] / "_cython" / "streams.pyx"
    assert source.is_file(), f"{LIBRARY} no longer ships the source of its compiled streams; see how they count acks."
    assert "consumer._n_acked += 1" in source.read_text(), (
        f"The compiled streams of {LIBRARY} no longer count acknowledgements in `_n_acked`: {TRANSPORT}"
        " `has_progressed` would take each member with a full buffer for stuck."
    )


class TestUserData:
    """Our part in Faust's user data is read by us and overlooked by plain Faust."""

    def test_faust_overlooks_what_it_does_not_know(self, app: App) -> None:
        raw = app.assignor.metadata({"a"}).user_data
        assert b'"framework"' in raw
        loaded: Any = ClientMetadata.loads(raw)
        assert isinstance(loaded, ClientMetadata), f"{LIBRARY} no longer reads user data with an extra key: {ASSIGNOR}."

    def test_it_is_json(self, app: App) -> None:
        raw = PartitionAssignor(app).metadata({"a"}).user_data
        assert raw.startswith(b"{"), f"{LIBRARY} no longer writes its user data as JSON: {ASSIGNOR} `_with_extra`."

    def test_assignment_is_compressed_and_metadata_is_not(self, app: App) -> None:
        assignor = PartitionAssignor(app)
        assert assignor._decompress(assignor._compress(b"x")) == b"x"
        assert type(assignor.metadata(set())) is ConsumerProtocol.METADATA, f"see {ASSIGNOR} `metadata`"


def test_web_server_has_a_runner_of_its_own(app: App) -> None:
    """`App._new_web` puts another one in its place, which is to be made as Faust makes it."""
    made = FaustApp._new_web(app)
    assert type(made._runner) is AppRunner, f"{APP} `_new_web` makes one of these; {LIBRARY} another."
    assert "AppRunner(self.web_app, access_log=None)" in inspect.getsource(type(made).__init__)
    assert app.web._runner._shutdown_timeout == REQUEST_GRACE
