"""What the framework assumes of aiokafka beyond its public interface; an upgrade that breaks an assumption fails here.

Written against aiokafka 0.14.0.
"""

import asyncio
import inspect

import aiokafka.errors as errors
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.cluster import ClusterMetadata
from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.consumer import group_coordinator
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import CoordinatorGroupRebalance, GroupCoordinator
from aiokafka.consumer.subscription_state import Subscription, SubscriptionState
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.producer.sender import Sender, SendProduceReqHandler
from aiokafka.protocol import api
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetCommitResponse_v3, OffsetFetchRequest
from aiokafka.protocol.group import HeartbeatRequest, HeartbeatResponse_v1, JoinGroupRequest, LeaveGroupRequest
from aiokafka.protocol.produce import ProduceRequest

from framework.membership.consumer import StaticConsumer
from framework.membership.coordinator import StaticGroupCoordinator
from framework.membership.coordinator_closing import ClosingCoordinator
from framework.membership.coordinator_joining import JoiningCoordinator
from framework.membership.coordinator_requests import AnsweredCoordinator
from framework.streams.holding import PRODUCE
from tests.contract.contract import Has, SameBody, check_accepts, check_has, check_same_body, parameters_of, versions

LIBRARY = versions("aiokafka")

COORDINATOR = "framework/membership/coordinator.py"
REQUESTS = "framework/membership/coordinator_requests.py"
JOINING = "framework/membership/coordinator_joining.py"
CLOSING = "framework/membership/coordinator_closing.py"
ANSWERS = "framework/membership/answers.py"
CONSUMER = "framework/membership/consumer.py"
PROTOCOL = "framework/membership/protocol.py"
PROBE = "framework/membership/probe.py"
HOLDING = "framework/streams/holding.py"
ENDING = "framework/closing.py"

NAMES = [
    # Overridden: aiokafka calls these on our coordinator.
    Has(GroupCoordinator, "_send_req", ("request",), f"{REQUESTS}, which overrides it: each request passes there"),
    Has(GroupCoordinator, "_push_error_to_user", ("exc",), f"{COORDINATOR}, which overrides it: failures are told"),
    Has(GroupCoordinator, "_coordination_routine", (), f"{COORDINATOR}, which overrides it: the end of it is told"),
    Has(GroupCoordinator, "_GroupCoordinator__coordination_routine", (), f"{COORDINATOR}, which calls it"),
    Has(GroupCoordinator, "_do_heartbeat", (), f"{COORDINATOR}, which overrides it"),
    Has(GroupCoordinator, "_do_rejoin_group", ("subscription",), f"{JOINING}, which overrides it"),
    Has(GroupCoordinator, "_on_join_prepare", ("previous_assignment",), f"{COORDINATOR}, which overrides it"),
    Has(GroupCoordinator, "_perform_assignment", ("response",), f"{JOINING}, which overrides it"),
    Has(GroupCoordinator, "_on_metadata_change", (), f"{JOINING}, which overrides it: the next join has new bytes"),
    Has(GroupCoordinator, "_maybe_leave_group", (), f"{CLOSING}, which overrides it: a static member stays"),
    Has(GroupCoordinator, "request_rejoin", (), f"{REQUESTS}, which overrides it: a rejoin has a reason"),
    Has(GroupCoordinator, "reset_generation", (), f"{REQUESTS}, which overrides it: a reset has a reason"),
    Has(GroupCoordinator, "close", (), f"{CLOSING}, which overrides it: closing is bounded"),
    # Called or set by us.
    Has(
        GroupCoordinator,
        "_on_join_complete",
        ("generation", "member_id", "protocol", "member_assignment_bytes"),
        f"{JOINING} `_do_rejoin_group`",
    ),
    Has(GroupCoordinator, "coordinator_dead", (), f"{REQUESTS} `_react`"),
    Has(GroupCoordinator, "_start_heartbeat_task", (), f"{COORDINATOR} `_push_error_to_user`"),
    Has(
        GroupCoordinator,
        "start_commit_offsets_refresh_task",
        ("assignment",),
        f"{COORDINATOR} `_push_error_to_user`",
    ),
    Has(
        CoordinatorGroupRebalance,
        "__init__",
        (
            "coordinator",
            "group_id",
            "coordinator_id",
            "subscription",
            "assignors",
            "session_timeout_ms",
            "retry_backoff_ms",
        ),
        f"{JOINING} `_do_rejoin_group`",
    ),
    Has(CoordinatorGroupRebalance, "perform_group_join", (), f"{JOINING} `_do_rejoin_group`"),
    Has(SubscriptionState, "subscription", None, f"{COORDINATOR} `_push_error_to_user`"),
    Has(SubscriptionState, "assigned_partitions", (), f"{COORDINATOR} `_do_heartbeat`"),
    Has(SubscriptionState, "fetch_context", (), f"{COORDINATOR} `_not_idle`"),
    Has(Subscription, "active", None, f"{JOINING} `_do_rejoin_group`"),
    Has(Subscription, "topics", None, f"{JOINING} `_refuse`"),
    Has(Subscription, "assignment", None, f"{COORDINATOR} `_push_error_to_user`"),
    Has(ClusterMetadata, "partitions_for_topic", ("topic",), f"{JOINING} and framework/membership/assignor.py"),
    Has(AIOKafkaClient, "_maybe_wait_metadata", (), f"{JOINING} `_refuse`"),
    Has(AIOKafkaClient, "force_metadata_update", (), f"{JOINING} `_perform_assignment`"),
    Has(
        AIOKafkaClient,
        "send",
        ("node_id", "request", "group"),
        f"{REQUESTS} `_send_beside`: group is another connection",
    ),
    Has(AIOKafkaClient, "bootstrap", (), f"{CONSUMER} `StaticConsumer.start`"),
    Has(
        AIOKafkaClient,
        "coordinator_lookup",
        ("coordinator_type", "coordinator_key"),
        f"{CLOSING} `_find_coordinator`",
    ),
    Has(CoordinationType, "GROUP", None, f"{CLOSING} `_find_coordinator`"),
    Has(AIOKafkaConsumer, "start", (), f"{CONSUMER} `StaticConsumer`, which overrides it"),
    Has(ConsumerProtocol, "ASSIGNMENT", None, f"{JOINING} `_do_rejoin_group`"),
    # The producer.
    Has(Sender, "_send_produce_req", ("node_id", "batches"), f"{HOLDING} `hold_back`, which waits before it"),
    Has(AIOKafkaClient, "ready", ("node_id", "group"), f"{HOLDING} `hold_back`"),
    # Requests and errors.
    Has(HeartbeatRequest, "__init__", ("group", "generation_id", "member_id"), f"{COORDINATOR} `_do_heartbeat`"),
    Has(api.Request, "prepare", ("versions",), f"{PROTOCOL}, whose requests the client prepares"),
    Has(api.Request, "build", ("request_struct_class",), f"{PROTOCOL}, which overrides it"),
    Has(api.Response, "to_object", (), f"{ANSWERS} `error_codes`"),
    Has(errors, "for_code", ("error_code",), f"{REQUESTS} `_react`"),
    Has(errors, "kafka_errors", None, f"{PROTOCOL} `register_errors`, which adds 82 and 111 to it"),
]

BODIES = [
    SameBody(AIOKafkaConsumer, "start", "5ba1baa38f6246a0", f"{CONSUMER} `StaticConsumer.start` replicates"),
    SameBody(GroupCoordinator, "__init__", "f14fdb7599ea57c8", f"{REQUESTS} `AnsweredCoordinator.__init__` wraps"),
    SameBody(GroupCoordinator, "_send_req", "ca4ba17474e11324", f"{REQUESTS} `_send_req` wraps"),
    SameBody(GroupCoordinator, "close", "27181b0763fd6ab3", f"{CLOSING} `close` replicates"),
    SameBody(GroupCoordinator, "_maybe_leave_group", "7bc230e3f4dc0222", f"{CLOSING} `_maybe_leave_group` replaces"),
    SameBody(
        GroupCoordinator, "_push_error_to_user", "8dce53d5130dcd33", f"{COORDINATOR} `_push_error_to_user` replaces"
    ),
    SameBody(
        GroupCoordinator, "_coordination_routine", "07e581f2646dc964", f"{COORDINATOR} `_coordination_routine` replaces"
    ),
    SameBody(
        GroupCoordinator,
        "_GroupCoordinator__coordination_routine",
        "76e808b045d7b79a",
        f"{COORDINATOR} relies on: which errors it pushes, which tasks it watches",
    ),
    SameBody(
        GroupCoordinator,
        "ensure_active_group",
        "44c4b92c3714b2ae",
        f"{COORDINATOR} relies on: when it rejoins, what is idle",
    ),
    SameBody(
        GroupCoordinator,
        "ensure_coordinator_known",
        "4f7b42e9896dfed8",
        f"{CLOSING} `_find_coordinator` replicates",
    ),
    SameBody(
        GroupCoordinator,
        "coordinator_dead",
        "98a0dfe8579413be",
        f"{CLOSING} `_find_coordinator` renews the future of",
    ),
    SameBody(
        GroupCoordinator, "_heartbeat_routine", "a6c6710b8e4a1a88", f"{COORDINATOR} relies on: it calls `_do_heartbeat`"
    ),
    SameBody(GroupCoordinator, "_do_heartbeat", "5628cb32b3d29bf4", f"{COORDINATOR} `_do_heartbeat` replaces"),
    SameBody(GroupCoordinator, "_do_rejoin_group", "dfe054b3b698485f", f"{JOINING} `_do_rejoin_group` replicates"),
    SameBody(GroupCoordinator, "_on_join_prepare", "620a6bbc67252dde", f"{COORDINATOR} `_on_join_prepare` wraps"),
    SameBody(GroupCoordinator, "_on_join_complete", "186788a437c08195", f"{JOINING} `_do_rejoin_group` calls"),
    SameBody(GroupCoordinator, "_perform_assignment", "db2edc93b7b4f722", f"{JOINING} `_perform_assignment` wraps"),
    SameBody(GroupCoordinator, "request_rejoin", "961f77b4398b5d91", f"{REQUESTS} `request_rejoin` wraps"),
    SameBody(GroupCoordinator, "reset_generation", "3cb4a2490077f8cb", f"{REQUESTS} `reset_generation` replicates"),
    SameBody(GroupCoordinator, "commit_offsets", "67fb44337ca73f7f", f"{REQUESTS} `_react` raises errors for"),
    SameBody(GroupCoordinator, "_do_commit_offsets", "c1259c2b206806f0", f"{REQUESTS} `_react` answers before"),
    SameBody(GroupCoordinator, "_do_fetch_commit_offsets", "fcd9abe4e50ff2f9", f"{REQUESTS} `_react` answers before"),
    SameBody(
        group_coordinator.BaseCoordinator,
        "_handle_metadata_update",
        "4d5294cd4ea9b024",
        f"{JOINING} sets the snapshot of",
    ),
    SameBody(
        CoordinatorGroupRebalance, "perform_group_join", "0aebefcb39c0c596", f"{REQUESTS} `_react` raises errors for"
    ),
    SameBody(
        CoordinatorGroupRebalance,
        "_send_sync_group_request",
        "a4e0edc2899cfd66",
        f"{REQUESTS} `_react` raises errors for",
    ),
    SameBody(SubscriptionState, "fetch_context", "88fca759b6e7f216", f"{COORDINATOR} `_not_idle` enters"),
    SameBody(AIOKafkaClient, "coordinator_lookup", "38a46a4273ed3211", f"{CLOSING} `_find_coordinator` calls"),
    SameBody(
        Sender,
        "_sender_routine",
        "c07b5ec56875658f",
        f"{HOLDING} relies on: it sends records by `_send_produce_req` alone",
    ),
    SameBody(Sender, "_send_produce_req", "5fbb5b444b0f65bd", f"{HOLDING} `hold_back` waits before"),
    SameBody(
        SendProduceReqHandler,
        "do",
        "89912727d3c89bfb",
        f"{HOLDING} relies on: it sends once, each new try is a new request",
    ),
    SameBody(
        AIOKafkaClient, "send", "fb1726e3ed8e63ef", f"{HOLDING} relies on: it does not wait where it is connected"
    ),
    SameBody(api.Request, "prepare", "af9f578c3892ad94", f"{PROTOCOL} relies on: it refuses a broker that is too old"),
    SameBody(
        api.Request,
        "__init_subclass__",
        "5c303e83911d1cf4",
        f"{PROTOCOL} relies on: it finds the struct in the base class",
    ),
    SameBody(api, "_to_object", "3c554035cc247a04", f"{ANSWERS} `error_codes` walks through the result of"),
]


@pytest.mark.parametrize("has", NAMES, ids=str)
def test_name(has: Has) -> None:
    check_has(has, LIBRARY)


@pytest.mark.parametrize("body", BODIES, ids=str)
def test_body(body: SameBody) -> None:
    check_same_body(body, LIBRARY)


@pytest.mark.parametrize(
    "owner",
    [AnsweredCoordinator, JoiningCoordinator, ClosingCoordinator, StaticGroupCoordinator, StaticConsumer],
)
def test_each_override_overrides_something_and_can_be_called_like_it(owner: type) -> None:
    base = next(kind for kind in owner.__mro__ if kind.__module__.startswith("aiokafka."))
    for name, ours in vars(owner).items():
        if name.startswith("__") or not inspect.isfunction(ours) or not hasattr(base, name):
            continue
        expected = parameters_of(getattr(base, name))
        given = inspect.signature(ours).parameters
        extra = [p for p in list(given.values())[1 + len(expected) :] if p.default is p.empty]
        assert not extra, f"{owner.__name__}.{name} wants {extra}, but {LIBRARY} calls it with {expected}."
        assert inspect.iscoroutinefunction(ours) == inspect.iscoroutinefunction(getattr(base, name)), (
            f"{owner.__name__}.{name} and the method of {LIBRARY} it overrides must both be coroutines, or neither."
        )


COORDINATOR_ATTRIBUTES = {
    "generation": int,
    "member_id": str,
    "group_id": str,
    "_group_instance_id": str,
    "coordinator_id": type(None),
    "_session_timeout_ms": int,
    "_retry_backoff_ms": int,
    "_assignors": tuple,
    "_client": object,
    "_cluster": ClusterMetadata,
    "_subscription": SubscriptionState,
    "_closing": asyncio.Future,
    "_rejoin_needed_fut": asyncio.Future,
    "_performed_join_prepare": bool,
    "_coordinator_dead_fut": asyncio.Future,
    "_coordination_task": asyncio.Task,
    "_heartbeat_task": type(None),
    "_commit_refresh_task": type(None),
    "_group_subscription": type(None),
    "_metadata_snapshot": dict,
}
"""What a coordinator that has not joined yet carries, and of which type."""


class NoClient:
    """A fake client of which only the picture of the cluster is looked at."""

    def __init__(self) -> None:
        self.cluster = ClusterMetadata(bootstrap_servers=["127.0.0.1:9092"])


def test_attributes_of_a_coordinator() -> None:
    async def scenario() -> None:
        coordinator = GroupCoordinator(
            NoClient(),
            SubscriptionState(),
            group_id="flights",
            group_instance_id="w-0",
            heartbeat_interval_ms=3000,
            session_timeout_ms=10000,
            retry_backoff_ms=100,
            enable_auto_commit=False,
            assignors=(),
            exclude_internal_topics=True,
            rebalance_timeout_ms=30000,
            max_poll_interval_ms=300000,
        )
        try:
            for name, kind in COORDINATOR_ATTRIBUTES.items():
                found = getattr(coordinator, name, "nothing")
                assert isinstance(found, kind), (
                    f"GroupCoordinator.{name} of {LIBRARY} is {found!r} before the first join, not a {kind.__name__}."
                    f" It is used in {COORDINATOR} or one of its parts."
                )
        finally:
            await coordinator.close()

    asyncio.run(scenario())


CONSUMER_ATTRIBUTES = (
    "_client",
    "_subscription",
    "_fetch_min_bytes",
    "_fetch_max_bytes",
    "_fetch_max_wait_ms",
    "_max_partition_fetch_bytes",
    "_check_crcs",
    "_consumer_timeout",
    "_retry_backoff_ms",
    "_auto_offset_reset",
    "_isolation_level",
    "_client_rack",
    "_group_id",
    "_group_instance_id",
    "_heartbeat_interval_ms",
    "_session_timeout_ms",
    "_exclude_internal_topics",
    "_rebalance_timeout_ms",
    "_max_poll_interval_ms",
)


def test_attributes_of_a_consumer() -> None:
    async def scenario() -> None:
        consumer = AIOKafkaConsumer(group_id="flights")
        assert consumer._fetcher is None, (
            f"AIOKafkaConsumer._fetcher of {LIBRARY} is set before the start; see {COORDINATOR}."
        )
        assert consumer._coordinator is None, (
            f"AIOKafkaConsumer._coordinator of {LIBRARY} is set before the start; `Consumer.member` in"
            " framework/membership/transport.py takes None for a consumer that has not started."
        )
        for name in CONSUMER_ATTRIBUTES:
            assert hasattr(consumer, name), (
                f"AIOKafkaConsumer.{name} is gone from {LIBRARY}. `StaticConsumer.start` in {CONSUMER} hands it on."
            )
        await consumer.stop()

    asyncio.run(scenario())


def test_arguments_of_a_consumer() -> None:
    check_accepts(
        AIOKafkaConsumer.__init__,
        (
            "client_id group_id group_instance_id bootstrap_servers enable_auto_commit auto_offset_reset"
            " max_poll_records max_poll_interval_ms max_partition_fetch_bytes fetch_max_wait_ms request_timeout_ms"
            " check_crcs session_timeout_ms rebalance_timeout_ms heartbeat_interval_ms isolation_level"
            " metadata_max_age_ms connections_max_idle_ms partition_assignment_strategy security_protocol"
            " ssl_context sasl_mechanism sasl_plain_username sasl_plain_password"
        ),
        "framework/membership/transport.py",
        LIBRARY,
    )


def test_arguments_of_a_fetcher() -> None:
    check_accepts(
        Fetcher.__init__,
        (
            "client subscriptions key_deserializer value_deserializer fetch_min_bytes fetch_max_bytes fetch_max_wait_ms"
            " max_partition_fetch_bytes check_crcs fetcher_timeout retry_backoff_ms auto_offset_reset isolation_level"
            " client_rack"
        ),
        f"{CONSUMER} `StaticConsumer.start`",
        LIBRARY,
    )


def test_arguments_of_a_connection() -> None:
    check_accepts(
        create_conn,
        (
            "host port request_timeout_ms security_protocol ssl_context sasl_mechanism sasl_plain_username"
            " sasl_plain_password"
        ),
        PROBE,
        LIBRARY,
    )


def test_our_coordinator_passes_its_own_arguments_on() -> None:
    check_accepts(
        GroupCoordinator.__init__,
        (
            "client subscription group_id group_instance_id heartbeat_interval_ms session_timeout_ms retry_backoff_ms"
            " enable_auto_commit exclude_internal_topics rebalance_timeout_ms max_poll_interval_ms assignors"
        ),
        f"{CONSUMER} `StaticConsumer.start`",
        LIBRARY,
    )


class TestRequests:
    def test_topics_of_a_commit(self) -> None:
        topics = [("a", [(0, 7, "")])]
        request = OffsetCommitRequest("flights", 1, "m", OffsetCommitRequest.DEFAULT_RETENTION_TIME, topics)
        assert request._topics is topics, (
            f"OffsetCommitRequest of {LIBRARY} no longer keeps `_topics` as they were given; {REQUESTS}"
            " `_with_instance` takes them from there."
        )

    def test_requests_go_over_another_connection_than_joins_unless_told_otherwise(self) -> None:
        default = inspect.signature(AIOKafkaClient.send).parameters["group"].default
        assert default is not ConnectionGroup.COORDINATION, f"See {REQUESTS} `_send_beside`: a leave would wait."

    def test_values_that_stand_for_nothing(self) -> None:
        assert OffsetCommitRequest.DEFAULT_GENERATION_ID == -1, f"{REQUESTS} takes a generation below 0 for none."
        assert JoinGroupRequest.UNKNOWN_MEMBER_ID == "", f"{JOINING} takes an empty member id for none."

    @pytest.mark.parametrize("kind", [HeartbeatRequest, OffsetCommitRequest, JoinGroupRequest, OffsetFetchRequest])
    def test_kinds_are_told_apart(self, kind: type) -> None:
        assert issubclass(kind, api.Request), f"{REQUESTS} tells the requests of {LIBRARY} apart by their classes."

    @pytest.mark.parametrize(("api_key", "highest"), [(8, 3), (12, 1), (13, 1)])
    def test_own_requests_still_do_not_name_the_instance(self, api_key: int, highest: int) -> None:
        kinds = {8: OffsetCommitRequest, 12: HeartbeatRequest, 13: LeaveGroupRequest}
        found = max(struct.API_VERSION for struct in kinds[api_key]._CLASSES)
        assert found == highest, (
            f"{kinds[api_key].__name__} of {LIBRARY} speaks version {found} now, no longer {highest}. If it names the"
            f" instance by itself, {PROTOCOL} may be given up in part."
        )

    def test_responses_we_take_over(self) -> None:
        assert HeartbeatResponse_v1.SCHEMA.names == ("throttle_time_ms", "error_code"), f"see {PROTOCOL}"
        assert OffsetCommitResponse_v3.SCHEMA.names == ("throttle_time_ms", "topics"), f"see {PROTOCOL}"


class TestErrors:
    @pytest.mark.parametrize("code", [0, 3, 7, 12, 14, 15, 16, 22, 23, 24, 25, 26, 27, 28, 29, 30, 35, 79])
    def test_codes_keep_their_numbers(self, code: int) -> None:
        assert errors.for_code(code).errno == code, f"{LIBRARY} has no class for error {code}; see reactions.py."

    @pytest.mark.parametrize("code", [7, 14, 15, 16])
    def test_what_is_tried_again(self, code: int) -> None:
        assert errors.for_code(code).retriable, (
            f"Error {code} is no longer retriable in {LIBRARY}: `commit_offsets` would give up where reactions.py says"
            " to try again."
        )

    @pytest.mark.parametrize("code", [22, 25, 27])
    def test_what_ends_a_commit(self, code: int) -> None:
        assert not errors.for_code(code).retriable, f"{LIBRARY} would try a commit again after error {code}."

    @pytest.mark.parametrize("code", [81, 88, 999])
    def test_unknown_codes(self, code: int) -> None:
        assert errors.for_code(code) is errors.UnknownError, (
            f"{LIBRARY} knows error {code} now: look whether {REQUESTS} `_react` still needs its own way for it."
        )

    @pytest.mark.parametrize("code", [82, 111])
    def test_errors_we_add_are_still_missing(self, code: int) -> None:
        known = [
            kind for kind in vars(errors).values() if isinstance(kind, type) and getattr(kind, "errno", None) == code
        ]
        assert not known, (
            f"{LIBRARY} has {known} for error {code} now: {PROTOCOL} can use it instead of a class of its own."
        )

    def test_what_a_broker_that_is_too_old_leads_to(self) -> None:
        assert issubclass(errors.IncompatibleBrokerVersion, errors.KafkaError), f"see {REQUESTS} `_send_req`"
        with pytest.raises(NotImplementedError):
            HeartbeatRequest("flights", 1, "m").prepare({12: (90, 99)})

    @pytest.mark.parametrize(
        "name",
        [
            "AuthenticationFailedError",
            "AuthenticationMethodNotSupported",
            "IllegalSaslStateError",
            "SaslAuthenticationFailed",
            "UnsupportedSaslMechanismError",
        ],
    )
    def test_refusals(self, name: str) -> None:
        kind = getattr(errors, name, None)
        assert kind is not None, f"{name} is gone from {LIBRARY}; {PROBE} takes it for a refusal."
        assert issubclass(kind, errors.KafkaError)


def test_sender_of_a_producer() -> None:
    async def scenario() -> None:
        producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:9")
        producer._closed = True  # else it complains that nobody has stopped it
        sender = producer._sender
        assert isinstance(sender, Sender), f"{HOLDING} holds the records of {LIBRARY} back there."
        assert sender.client is producer.client

    asyncio.run(scenario())


def test_connections_of_a_client() -> None:
    async def scenario() -> None:
        assert AIOKafkaClient(bootstrap_servers="127.0.0.1:9")._conns == {}, (
            f"{ENDING} looks into this mapping of {LIBRARY}; what closing does is tested in tests/unit/test_closing.py."
        )
        connection = AIOKafkaConnection("127.0.0.1", 9)
        assert connection._protocol is None, f"{ENDING} takes that for a connection that was never made."

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", [AIOKafkaConsumer, AIOKafkaProducer])
def test_whoever_has_a_client_closes_it_by_its_method(kind: type) -> None:
    assert "client.close()" in inspect.getsource(kind.stop), f"{ENDING} replaces `close` of the client of {LIBRARY}."


def test_requests_are_written_in_one_go() -> None:
    """`LeaseWriter` reads the kind of a request in it, and an `OSError` from there is a broken connection."""

    class Refusing:
        def __init__(self) -> None:
            self.seen: list[bytes] = []

        def write(self, data: bytes) -> None:
            self.seen.append(data)
            raise ConnectionError

        def close(self) -> None:
            pass

    async def scenario() -> None:
        connection = AIOKafkaConnection("127.0.0.1", 9)
        writer = connection._writer = Refusing()
        connection._reader, connection._read_task = object(), asyncio.ensure_future(asyncio.sleep(0))
        connection._versions = {0: (0, 8)}
        request = ProduceRequest(transactional_id=None, required_acks=1, timeout=1, topics=[])
        with pytest.raises(errors.KafkaConnectionError) as raised:
            connection.send(request)
        (data,) = writer.seen
        assert data[4:6] == PRODUCE, f"{HOLDING} looks there for the kind of a request of {LIBRARY}."
        assert raised.value.retriable, f"{HOLDING} relies on that {LIBRARY} sends the records again."

    asyncio.run(scenario())
