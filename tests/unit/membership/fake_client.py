"""A fake: it stands in for aiokafka's client and the group coordinator behind it, and knows no Kafka beyond its script.

What a real broker answers is for the tests against a real broker; here it is only which of its answers leads to what.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka.client import ConnectionGroup
from aiokafka.cluster import ClusterMetadata
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.protocol.metadata import MetadataResponse_v1

from framework.errors import MembershipError
from framework.membership.assignor import SeatAssignor
from framework.membership.coordinator import StaticGroupCoordinator
from framework.membership.group import Joined
from tests.unit.membership.apps import offline_app

COMMIT, FETCH, JOIN, HEARTBEAT, LEAVE, SYNC, DESCRIBE = 8, 9, 11, 12, 13, 14, 15

VERSIONS = {
    COMMIT: (2, 10),
    FETCH: (1, 10),
    JOIN: (0, 9),
    HEARTBEAT: (0, 4),
    LEAVE: (0, 5),
    SYNC: (0, 5),
    DESCRIBE: (0, 6),
}
"""What Apache Kafka 4 speaks."""

UUID = "0b3c5f5e-8f0e-4f57-9f7d-0123456789ab"

Answer = Callable[[Any], Any]


class FakeClient:
    """A fake of `AIOKafkaClient` in front of a group of one member, which leads it unless told otherwise.

    Attributes:
        sent: each request struct, in order.
        codes: `{api key: error codes}` to answer with, one for each request, before the usual answers.
        hanging: api keys that are never answered, nor is what comes after them on their connection.
        leader_id: who leads the group; default: this member.
        assignment: what the leader assigned to this member, as the broker stores it.
        has_progressed: whether records are being finished although none are fetched.
        is_stubborn: whether the leader assigns the same again whatever this member asks for.
        holders: `{group_instance_id: (member id, client id)}` of whoever sits in the seats that are described.
        on_leave: called before a LeaveGroup is answered.
        on_metadata: called before each answer about topics that is asked for.
    """

    client_id = "w-0@here#1-0a"

    def __init__(self, **partitions: int) -> None:
        self.cluster = ClusterMetadata(bootstrap_servers=["127.0.0.1:9092"])
        self.sent: list[Any] = []
        self.codes: dict[int, list[int]] = defaultdict(list)
        self.hanging: set[int] = set()
        self.leader_id: str | None = None
        self.assignment: bytes | None = None
        self.has_progressed = False
        self.is_stubborn = False
        self.holders: dict[str, tuple[str, str]] = {}
        self.on_leave: Callable[[], None] = lambda: None
        self.on_metadata: Callable[[], None] = lambda: None
        self._metadata: bytes | None = None
        self._hung: dict[Any, int] = {}
        self.generation = 0
        self.lookups = 0
        self.create(**partitions)

    def create(self, **partitions: int) -> None:
        """Let the cluster have these topics."""
        topics = [(0, name, False, [(0, n, 0, [0], [0]) for n in range(count)]) for name, count in partitions.items()]
        self.cluster.update_metadata(MetadataResponse_v1([(0, "127.0.0.1", 9092, None)], 0, topics))

    def requests(self, api_key: int) -> list[Any]:
        """What was sent to one API."""
        return [request for request in self.sent if api_key == request.API_KEY]

    async def coordinator_lookup(self, _type: int, _group_id: str) -> int:
        self.lookups += 1
        return 0

    async def ready(self, _node_id: int, *, group: Any) -> bool:
        return True

    async def force_metadata_update(self) -> bool:
        self.on_metadata()
        return True

    async def _maybe_wait_metadata(self) -> None:
        pass

    def set_topics(self, topics: Any) -> None:
        pass

    async def send(self, _node_id: int, request: Any, *, group: Any = ConnectionGroup.DEFAULT) -> Any:
        struct = request.prepare(VERSIONS)
        self.sent.append(struct)
        await asyncio.sleep(0)
        if struct.API_KEY in self.hanging:
            self._hung[group] = struct.API_KEY
        if self._hung.get(group) in self.hanging:
            await asyncio.Event().wait()
        if struct.API_KEY == LEAVE:
            self.on_leave()
        codes = self.codes[struct.API_KEY]
        answers: dict[int, Answer] = {
            COMMIT: self._committed,
            FETCH: self._fetched,
            JOIN: self._joined,
            HEARTBEAT: lambda _, code: struct.RESPONSE_TYPE(0, code),
            LEAVE: lambda request, code: struct.RESPONSE_TYPE(0, 0, [(*request.members[0], code)]),
            SYNC: self._synced,
            DESCRIBE: self._described,
        }
        return answers[struct.API_KEY](struct, codes.pop(0) if codes else 0)

    def _joined(self, request: Any, code: int) -> Any:
        if code:
            return request.RESPONSE_TYPE(0, code, -1, "", "", request.member_id, [])
        self.generation += 1
        member_id = request.member_id or f"{request.group_instance_id or 'dynamic'}-{UUID}"
        name, metadata = request.group_protocols[0]
        if request.member_id and metadata != self._metadata and not self.is_stubborn:
            # A known member that joins with changed bytes starts a rebalance, and here it is elected.
            self.leader_id = None
        self._metadata = metadata
        leader_id = self.leader_id or member_id
        members = [(member_id, request.group_instance_id, metadata)] if leader_id == member_id else []
        return request.RESPONSE_TYPE(0, 0, self.generation, name, leader_id, member_id, members)

    def _synced(self, request: Any, code: int) -> Any:
        assigned = dict(request.group_assignment).get(request.member_id) or self.assignment or b""
        self.assignment = assigned
        return request.RESPONSE_TYPE(0, code, b"" if code else assigned)

    def _described(self, request: Any, code: int) -> Any:
        members = [(name, seat, client, "/127.0.0.1", b"", b"") for seat, (name, client) in self.holders.items()]
        return request.RESPONSE_TYPE(0, [(code, request.groups[0], "Stable", "consumer", "", members, 0)])

    def _committed(self, request: Any, code: int) -> Any:
        return request.RESPONSE_TYPE(
            0, [(topic, [(partition[0], code) for partition in partitions]) for topic, partitions in request.topics]
        )

    def _fetched(self, request: Any, code: int) -> Any:
        topics = [
            (topic, [(partition, -1, "", code) for partition in partitions]) for topic, partitions in request.topics
        ]
        return request.RESPONSE_TYPE(0, topics, 0)


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run it, for 20 seconds at most."""
    asyncio.run(asyncio.wait_for(scenario(), 20.0))


@dataclass
class FakeListener:
    """A fake of the consumer: notes what the member tells it."""

    client: FakeClient
    failures: list[MembershipError]
    joins: list[Joined]
    names: list[str]
    confirmed: list[float] = field(default_factory=list)
    has_lease: bool = True

    def on_membership_failure(self, error: MembershipError) -> None:
        self.failures.append(error)

    def on_member_id(self, member_id: str) -> None:
        self.names.append(member_id)

    def on_joined(self, joined: Joined) -> None:
        self.joins.append(joined)

    def on_confirmed(self, sent_at: float) -> None:
        self.confirmed.append(sent_at)

    def may_emit(self) -> bool:
        return self.has_lease

    def has_progressed(self) -> bool:
        return self.client.has_progressed


@dataclass
class Member:
    """A real `StaticGroupCoordinator` on a fake client."""

    client: FakeClient
    subscription: SubscriptionState
    coordinator: StaticGroupCoordinator
    assignor: SeatAssignor
    failures: list[MembershipError]
    joins: list[Joined]
    names: list[str]
    listener: FakeListener

    async def until(self, holds: Callable[[], Any], within: float = 5.0) -> None:
        """Let the event loop turn until something holds."""
        async with asyncio.timeout(within):
            while not holds():
                await asyncio.sleep(0.001)

    async def joined(self) -> None:
        await self.until(lambda: self.coordinator._heartbeat_task is not None)

    async def turns(self, heartbeats: int = 5) -> None:
        """Let time pass in which this many heartbeats would be sent."""
        await asyncio.sleep(heartbeats * self.coordinator._heartbeat_interval_ms / 1000)


@asynccontextmanager
async def member(
    client: FakeClient, *, instance_id: str | None = "w-0", topics: tuple[str, ...] = ("a",), **options: Any
) -> Any:
    """A member that has subscribed; closed at the end whatever it is waiting for."""
    assignor = SeatAssignor(offline_app(instance_id))
    subscription = SubscriptionState()
    failures: list[MembershipError] = []
    joins: list[Joined] = []
    names: list[str] = []
    timing = {
        "heartbeat_interval_ms": 2,
        "session_timeout_ms": 1000,
        "retry_backoff_ms": 1,
        "max_poll_interval_ms": 60000,
    }
    listener = FakeListener(client, failures, joins, names)
    coordinator = StaticGroupCoordinator(
        client,
        subscription,
        assignor=assignor,
        client_id=client.client_id,
        listener=listener,
        group_id="flights",
        group_instance_id=instance_id,
        enable_auto_commit=False,
        **(timing | options),
    )
    if topics:
        subscription.subscribe(set(topics))
    try:
        yield Member(client, subscription, coordinator, assignor, failures, joins, names, listener)
    finally:
        client.hanging.clear()
        await coordinator.close()
