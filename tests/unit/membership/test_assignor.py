"""What an assignment was made for travels with it, and plain Faust does not mind."""

from collections.abc import Mapping
from typing import Any

import pytest
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.protocol.metadata import MetadataResponse_v1
from faust.assignor.client_assignment import ClientMetadata
from faust.assignor.partition_assignor import PartitionAssignor
from hypothesis import given
from hypothesis import strategies as st

from framework.membership.assignor import Basis, SeatAssignor, why_stale
from tests.unit.membership.apps import URL, offline_app

TOPICS = st.sets(st.sampled_from("abcdef"))
COUNTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 8))


def basis(*subscription: str, **partitions: int) -> Basis:
    return Basis(frozenset(subscription), partitions, url=URL)


@pytest.mark.parametrize(
    ("made_for", "subscription", "partitions", "why"),
    [
        (basis("a", a=4), {"a"}, {"a": 4}, None),
        (basis("a", a=4), {"a", "b"}, {"a": 4, "b": 4}, "before this member subscribed to b"),
        (basis("a", a=4), {"a", "c", "b"}, {"a": 4}, "before this member subscribed to b, c"),
        (basis("a", "b", a=4, b=4), {"a"}, {"a": 4}, "when this member still subscribed to b"),
        (basis("a", a=4), {"a"}, {"a": 6}, "partitions were added to a"),
        (basis("a", a=4), {"a"}, {"a": 3}, None),
        (basis("a", a=4), {"a"}, {}, None),
        (basis("a", "b", a=4), {"a", "b"}, {"a": 4, "b": 0}, None),
        (basis("a", "b", a=4), {"a", "b"}, {"a": 4, "b": 8}, "partitions were added to b"),
        (basis("a"), {"a"}, {"a": 8}, "partitions were added to a"),
    ],
    ids=[
        "fits",
        "new agent",
        "two new agents",
        "removed agent",
        "more partitions",
        "fewer partitions, which Kafka cannot do",
        "metadata not there yet",
        "a topic that nobody has created yet",
        "a topic that has been created since",
        "the first topic that has been created since",
    ],
)
def test_why_stale(made_for: Basis, subscription: set[str], partitions: Mapping[str, int], why: str | None) -> None:
    reason = why_stale(made_for, subscription, partitions)
    assert (reason is None) is (why is None)
    assert why is None or why in str(reason)


@pytest.mark.parametrize(
    ("subscription", "partitions", "is_stale"),
    [
        ({"a"}, {"a": 4}, False),
        ({"a", "b"}, {"a": 4, "b": 4}, True),
        ({"a", "b"}, {"a": 4, "b": 0}, False),
        ({"a", "b"}, {"a": 4}, False),
        (set(), {}, False),
    ],
    ids=[
        "fits",
        "new agent",
        "topic not created yet",
        "topic unknown",
        "removed agent, which Faust itself must notice",
    ],
)
def test_why_stale_under_a_leader_that_runs_plain_faust(
    subscription: set[str], partitions: Mapping[str, int], is_stale: bool
) -> None:
    made_for = Basis.from_user_data({"topic_groups": {"a": 0}})
    assert (why_stale(made_for, subscription, partitions) is not None) is is_stale


@given(TOPICS, COUNTS)
def test_assignment_made_for_the_present_state_is_never_stale(
    subscription: set[str], partitions: dict[str, int]
) -> None:
    seen = {topic: count for topic, count in partitions.items() if topic in subscription}
    assert why_stale(Basis(frozenset(subscription), seen), subscription, partitions) is None


@given(TOPICS, TOPICS)
def test_any_other_subscription_is_stale(before: set[str], now: set[str]) -> None:
    made_for = Basis(frozenset(before), dict.fromkeys(before, 1) or {"z": 1})
    assert (why_stale(made_for, now, dict.fromkeys(now, 1)) is not None) is (before != now)


def test_an_address_matters_only_to_members_with_pages() -> None:
    moved = "http://w-0.flights:7000"
    assert why_stale(basis("a", a=4), {"a"}, {"a": 4}, url=URL) is None
    assert why_stale(basis("a", a=4), {"a"}, {"a": 4}, url=None) is None
    assert URL in str(why_stale(basis("a", a=4), {"a"}, {"a": 4}, url=moved))


@given(TOPICS, COUNTS, COUNTS)
def test_it_is_stale_if_and_only_if_a_topic_grew(
    subscription: set[str], before: dict[str, int], now: dict[str, int]
) -> None:
    counts = {topic: count for topic, count in before.items() if topic in subscription}
    grown = any(now.get(topic, 0) > counts.get(topic, 0) for topic in subscription)
    assert (why_stale(Basis(frozenset(subscription), counts), subscription, now) is not None) is grown


@given(TOPICS, TOPICS, COUNTS)
def test_the_reason_is_a_sentence_that_names_a_topic(
    before: set[str], now: set[str], partitions: dict[str, int]
) -> None:
    reason = why_stale(Basis(frozenset(before), dict.fromkeys(before, 1)), now, partitions)
    if reason is not None:
        assert "the assignment was made" in reason or "partitions were added" in reason
        assert any(topic in reason for topic in before | now)


def cluster_of(**partitions: int) -> ClusterMetadata:
    """aiokafka's own picture of a cluster, as it would build it from a broker's answer."""
    cluster = ClusterMetadata(bootstrap_servers=["127.0.0.1:9092"])
    topics = [(0, name, False, [(0, n, 0, [0], [0]) for n in range(count)]) for name, count in partitions.items()]
    cluster.update_metadata(MetadataResponse_v1([(0, "127.0.0.1", 9092, None)], 0, topics))
    return cluster


def over_the_wire(struct: Any) -> Any:
    return type(struct).decode(struct.encode())


@pytest.fixture
def assignor() -> SeatAssignor:
    return SeatAssignor(offline_app())


def assign(assignor: SeatAssignor, cluster: ClusterMetadata, **members: set[str]) -> dict[str, Any]:
    metadata = {member_id: over_the_wire(assignor.metadata(topics)) for member_id, topics in members.items()}
    assert all(isinstance(found, ConsumerProtocol.METADATA) for found in metadata.values())
    assigned = assignor.assign(cluster, metadata)
    return {member_id: ConsumerProtocol.ASSIGNMENT.decode(found.encode()) for member_id, found in assigned.items()}


class TestSeatAssignor:
    def test_it_can_share_a_group_with_plain_faust(self, assignor: SeatAssignor) -> None:
        plain = PartitionAssignor(assignor.app)
        assert (assignor.name, assignor.version) == (plain.name, plain.version)

    def test_metadata_is_what_faust_says_and_a_nonce(self, assignor: SeatAssignor) -> None:
        topics = {"a", "b"}
        ours, plain = assignor.metadata(topics), PartitionAssignor(assignor.app).metadata(topics)
        assert (ours.version, set(ours.subscription)) == (plain.version, topics)
        read = ClientMetadata.loads(ours.user_data)
        assert read.url == ClientMetadata.loads(plain.user_data).url == URL
        assert read.assignment.actives == {}

    def test_renew_changes_the_bytes_and_nothing_else_does(self, assignor: SeatAssignor) -> None:
        first = assignor.metadata({"a"}).encode()
        assert assignor.metadata({"a"}).encode() == first
        assignor.renew()
        second = assignor.metadata({"a"}).encode()
        assignor.renew()
        assert len({first, second, assignor.metadata({"a"}).encode()}) == 3

    def test_each_member_is_told_its_own_basis(self, assignor: SeatAssignor) -> None:
        assigned = assign(assignor, cluster_of(a=4, b=2, other=9), m0={"a", "b"}, m1={"a", "unborn"})
        assert assignor.basis_of(assigned["m0"]) == basis("a", "b", a=4, b=2)
        assert assignor.basis_of(assigned["m1"]) == basis("a", "unborn", a=4)

    def test_all_partitions_are_assigned_once(self, assignor: SeatAssignor) -> None:
        assigned = assign(assignor, cluster_of(a=4), m0={"a"}, m1={"a"})
        owned = sorted(partition for found in assigned.values() for partition in found.partitions())
        assert owned == [("a", 0), ("a", 1), ("a", 2), ("a", 3)]

    def test_plain_faust_accepts_the_assignment(self, assignor: SeatAssignor) -> None:
        assigned = assign(assignor, cluster_of(a=4), m0={"a"})["m0"]
        plain = PartitionAssignor(assignor.app)
        plain.on_assignment(assigned)
        assert {(tp.topic, tp.partition) for tp in plain.assigned_actives()} == {("a", n) for n in range(4)}
        assert ClientMetadata.loads(plain._decompress(assigned.user_data)).url == URL

    def test_plain_faust_can_lead_members_of_ours(self, assignor: SeatAssignor) -> None:
        assignor.renew()
        plain = PartitionAssignor(assignor.app)
        assigned = plain.assign(cluster_of(a=4), {"m0": over_the_wire(assignor.metadata({"a"}))})["m0"]
        assignor.on_assignment(assigned)
        assert assignor.basis_of(assigned) == Basis(frozenset("a"), is_complete=False, url=URL)
        assert why_stale(assignor.basis_of(assigned), {"a"}, {"a": 4}) is None

    def test_the_next_metadata_after_an_assignment_is_still_read_by_plain_faust(self, assignor: SeatAssignor) -> None:
        assignor.on_assignment(assign(assignor, cluster_of(a=4), m0={"a"})["m0"])
        read = ClientMetadata.loads(assignor.metadata({"a"}).user_data)
        assert read.assignment.actives == {"a": [0, 1, 2, 3]}

    def test_an_assignment_for_another_address_is_taken_in(self, assignor: SeatAssignor) -> None:
        assigned = assign(assignor, cluster_of(a=4), m0={"a"})["m0"]
        moved = offline_app(url="http://w-0.flights:7000")
        with pytest.raises(AssertionError):
            PartitionAssignor(moved).on_assignment(assigned)
        there = SeatAssignor(moved)
        there.on_assignment(assigned)
        assert {tp.partition for tp in there.assigned_actives()} == {0, 1, 2, 3}

    def test_the_address_of_the_pages_counts_once_there_are_some(self, assignor: SeatAssignor) -> None:
        assert assignor.pages_url is None
        assignor.app.page("/count/")(lambda *_: None)
        assert assignor.pages_url == URL

    def test_a_global_table_whose_changelog_is_not_there_yet_is_empty(self, assignor: SeatAssignor) -> None:
        rates, counts = assignor.app.GlobalTable("rates"), assignor.app.Table("counts")
        topics = {rates.changelog_topic_name, counts.changelog_topic_name}
        assert assignor.created_topics() == topics
        metadata = {"m0": assignor.metadata({"a", *topics})}
        with pytest.raises(KeyError):
            PartitionAssignor(assignor.app).assign(cluster_of(a=4), metadata)
        found = assign(assignor, cluster_of(a=4, **{counts.changelog_topic_name: 4}), m0={"a", *topics})["m0"]
        assert dict(found.assignment) == {"a": [0, 1, 2, 3], counts.changelog_topic_name: [0, 1, 2, 3]}
        assignor.on_assignment(found)
        everywhere = dict.fromkeys(["a", *topics], 4)
        assert "partitions were added" in str(assignor.why_unfit(found, {"a", *topics}, everywhere))
        found = assign(assignor, cluster_of(**everywhere), m0={"a", *topics}, m1={"a", *topics})
        for each in found.values():
            assert sorted(set(dict(each.assignment)[rates.changelog_topic_name])) == [0, 1, 2, 3]

    def test_what_is_not_to_be_created_is_not_waited_for(self) -> None:
        assignor = SeatAssignor(offline_app())
        assignor.app.GlobalTable("rates")
        assignor.app.conf.topic_allow_declare = False
        assert assignor.created_topics() == set()
