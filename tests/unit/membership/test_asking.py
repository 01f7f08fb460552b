"""Questions are asked again while that can help, and end in one sentence where it cannot."""

import asyncio
from typing import Any

import aiokafka.errors as kafka_errors
import pytest

from framework.errors import (
    BrokerUnavailableError,
    FrameworkError,
    GroupFailedError,
    GroupNotAllowedError,
    SeatLiveError,
)
from framework.membership.admin import GroupAdmin
from framework.membership.asking import Asking, Refusal
from framework.membership.connection import Connection
from framework.membership.protocol import DescribeGroupsResponse_v4, LeaveGroupResponse_v3

CONNECTION = Connection(("127.0.0.1:1",), {"security_protocol": "PLAINTEXT"}, "test")


class FakeClient:
    """A fake of aiokafka's client: node 1 is the first coordinator, and each lookup gives the next one."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.lookups = 0
        self.unknown = 0
        self.sent: list[tuple[int, Any]] = []

    async def coordinator_lookup(self, kind: int, group_id: str) -> int:
        assert not self.unknown, "Did we not perform bootstrap?"
        self.lookups += 1
        return self.lookups

    async def send(self, node: int, request: Any) -> Any:
        self.sent.append((node, request))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def get_random_node(self) -> int | None:
        return None if self.unknown else 0

    def force_metadata_update(self) -> None:
        self.unknown = max(0, self.unknown - 1)

    async def close(self) -> None:
        pass


def described(state: str = "Stable", code: int = 0) -> Any:
    return DescribeGroupsResponse_v4(0, [(code, "g", state, "consumer", "faust", [], 0)])


def left(code: int = 0, member_code: int = 0) -> Any:
    return LeaveGroupResponse_v3(0, code, [] if code else [("", "w-0", member_code)])


def admin_with(client: FakeClient, patience: float = 5.0) -> GroupAdmin:
    admin = GroupAdmin(CONNECTION, patience)
    admin._asking._client = client
    return admin


def test_looking_again_costs_one_request() -> None:
    client = FakeClient(described(), described("Empty"))
    admin = admin_with(client)

    async def scenario() -> list[str]:
        return [(await admin.describe("g")).state for _ in range(2)]

    assert asyncio.run(scenario()) == ["Stable", "Empty"]
    assert client.lookups == 1
    assert len(client.sent) == 2


@pytest.mark.parametrize(
    "trouble",
    [
        described(code=16),
        described(code=14),
        kafka_errors.KafkaConnectionError("broken"),
        kafka_errors.NodeNotReadyError("away"),
        kafka_errors.GroupCoordinatorNotAvailableError(),
        OSError(111, "refused"),
        TimeoutError(),
    ],
    ids=repr,
)
def test_coordinator_that_moved_or_does_not_answer_is_looked_up_again(trouble: Any) -> None:
    client = FakeClient(trouble, described())
    assert asyncio.run(admin_with(client).describe("g")).is_stable
    assert [node for node, _ in client.sent] == [1, 2]


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (described(code=30), GroupNotAllowedError, r"GROUP_AUTHORIZATION_FAILED.*Grant the user DESCRIBE"),
        (kafka_errors.GroupAuthorizationFailedError("g"), GroupNotAllowedError, "Grant the user DESCRIBE"),
        (described(code=24), GroupFailedError, "error 24"),
        (described(code=9999), GroupFailedError, "error 9999"),
        (NotImplementedError("v3"), GroupFailedError, "Kafka 2.4 or newer"),
        (kafka_errors.IncompatibleBrokerVersion("v3"), GroupFailedError, "Kafka 2.4 or newer"),
    ],
    ids=repr,
)
def test_what_no_retry_can_mend_is_told_at_once(answer: Any, kind: type[FrameworkError], says: str) -> None:
    client = FakeClient(answer)
    with pytest.raises(kind, match=says) as told:
        asyncio.run(admin_with(client).describe("g"))
    assert "group 'g'" in str(told.value) or kind is GroupFailedError
    assert len(client.sent) == 1


def test_patience_ends() -> None:
    client = FakeClient(*[kafka_errors.NodeNotReadyError("away")] * 9)
    with pytest.raises(BrokerUnavailableError, match=r"127.0.0.1:1 answered a question about group 'g' within 0.2 s"):
        asyncio.run(admin_with(client, patience=0.2).describe("g"))


def test_seat_is_removed_by_its_instance_id_alone() -> None:
    client = FakeClient(left())
    asyncio.run(admin_with(client).remove("g", "w-0"))
    struct = client.sent[0][1].prepare({13: (0, 5)})
    assert (struct.group, struct.members) == ("g", [("", "w-0")])


def test_nobody_is_removed_who_sat_down_since_the_look() -> None:
    client = FakeClient(left(member_code=82))
    with pytest.raises(SeatLiveError, match="another process has sat down in it") as told:
        asyncio.run(admin_with(client).remove("g", "w-0", "w-0-dead"))
    struct = client.sent[0][1].prepare({13: (0, 5)})
    assert struct.members == [("w-0-dead", "w-0")]
    assert told.value.group_instance_id == "w-0"


@pytest.mark.parametrize("answer", [left(member_code=25), left(code=25)], ids=["no such member", "no such group"])
def test_seat_that_is_not_there(answer: Any) -> None:
    with pytest.raises(FrameworkError, match="no seat 'w-0'") as told:
        asyncio.run(admin_with(FakeClient(answer)).remove("g", "w-0"))
    assert told.value.group_instance_id == "w-0"  # type: ignore[attr-defined]


def test_group_that_newer_brokers_call_not_found_does_not_exist() -> None:
    assert not asyncio.run(admin_with(FakeClient(described("", code=69))).describe("g")).exists


def test_any_question_can_refuse() -> None:
    async def ask() -> None:
        raise Refusal(29)

    asking = Asking(CONNECTION, 1.0)
    with pytest.raises(GroupNotAllowedError, match="about topics"):
        asyncio.run(asking.persist(None, ask))


def test_broker_that_does_not_know_itself_yet_is_asked_again() -> None:
    client = FakeClient(described())
    client.unknown = 2
    assert asyncio.run(admin_with(client).describe("g")).exists


def test_nobody_there() -> None:
    with pytest.raises(BrokerUnavailableError, match=r"No Kafka broker answers at 127\.0\.0\.1:1"):
        asyncio.run(GroupAdmin(CONNECTION).start())
