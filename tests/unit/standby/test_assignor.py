"""Each member is granted what it asks for, as far as it exists; nobody's bytes can spoil the others' grants."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import ConsumerProtocol, ConsumerProtocolMemberMetadata
from aiokafka.protocol.metadata import MetadataResponse_v1
from hypothesis import given
from hypothesis import strategies as st

from framework.standby.assignor import StandbyAssignor, Wish, granted, ordered

TOPICS = ("a", "b", "roster")
WISHES = st.dictionaries(st.sampled_from("abcd"), st.sets(st.integers(0, 5)))


def cluster(**partitions: int) -> ClusterMetadata:
    topics = [(0, name, False, [(0, n, 0, [0], [0]) for n in range(count)]) for name, count in partitions.items()]
    found = ClusterMetadata()
    found.update_metadata(MetadataResponse_v1([(0, "h", 9092, None)], 0, topics))
    return found


def wishing(wishes: Mapping[str, Any]) -> StandbyAssignor:
    assignor = StandbyAssignor()
    assignor.wish(wishes)
    return assignor


def over_the_wire(kind: Any, told: Any) -> Any:
    return kind.decode(told.encode())


def assigned(members: Mapping[str, Any], **partitions: int) -> dict[str, Any]:
    made = StandbyAssignor().assign(cluster(**partitions), members)
    return {name: over_the_wire(ConsumerProtocol.ASSIGNMENT, each) for name, each in made.items()}


def grants(assignment: Any) -> dict[str, list[int]]:
    return {topic: list(numbers) for topic, numbers in assignment.assignment}


@given(st.dictionaries(st.sampled_from(["m0", "m1", "m2"]), WISHES, min_size=1))
def test_each_gets_its_wish_overlaps_included(wishes: Mapping[str, Mapping[str, set[int]]]) -> None:
    members = {
        name: over_the_wire(ConsumerProtocol.METADATA, wishing(wish).metadata(TOPICS)) for name, wish in wishes.items()
    }
    made = assigned(members, a=6, b=3, roster=1)
    for name, wish in wishes.items():
        expected = {"a": sorted(wish.get("a", ())), "b": sorted(n for n in wish.get("b", ()) if n < 3)}
        assert grants(made[name]) == {topic: numbers for topic, numbers in expected.items() if numbers}
        assert wishing(wish).why_unfit(made[name], TOPICS, {"a": 6, "b": 3, "roster": 1}) is None


@pytest.mark.parametrize(
    "user_data",
    [b"", b"{", b"[]", b'{"wishes": 3, "nonce": ""}', b'{"wishes": {"a": 1}, "nonce": ""}', b'{"nonce": ""}', b'"x"'],
)
def test_member_that_cannot_be_read_gets_nothing_and_the_others_theirs(user_data: bytes) -> None:
    broken = ConsumerProtocolMemberMetadata(0, ["a"], user_data)
    made = assigned({"broken": broken, "sound": wishing({"a": [0]}).metadata(TOPICS)}, a=1, roster=1)
    assert grants(made["broken"]) == {}
    assert grants(made["sound"]) == {"a": [0]}


def test_grant_for_another_wish_does_not_fit() -> None:
    counts = {"a": 2, "roster": 1}
    made = assigned({"m": wishing({"a": [0]}).metadata(TOPICS)}, **counts)["m"]
    assert wishing({"a": [0]}).why_unfit(made, TOPICS, counts) is None
    assert wishing({"a": [1]}).why_unfit(made, TOPICS, counts) == "the grant was made for other wishes"
    assert wishing({}).why_unfit(made, TOPICS, counts) is not None


def test_what_cannot_be_had_is_not_asked_for_again_and_again() -> None:
    made = assigned({"m": wishing({"a": [0, 7], "gone": [0]}).metadata(TOPICS)}, a=1, roster=1)["m"]
    assert wishing({"a": [0, 7], "gone": [0]}).why_unfit(made, TOPICS, {"a": 1, "roster": 1}) is None


def test_bytes_change_with_the_wish_and_when_renewed() -> None:
    assignor = wishing({"a": [1, 0]})
    assert assignor.wished == {"a": (0, 1)}
    first = assignor.metadata(TOPICS).encode()
    assert assignor.metadata(TOPICS).encode() == first
    assignor.renew()
    second = assignor.metadata(TOPICS).encode()
    assignor.wish({"a": [1, 0]})
    assert len({first, second, assignor.metadata(TOPICS).encode()}) == 3
    assert assignor.wished == {"a": (0, 1)}


def test_counts_travel_with_the_grant() -> None:
    made = assigned({"m": wishing({"a": [0]}).metadata(TOPICS)}, a=4, roster=2, unrelated=9)["m"]
    assert StandbyAssignor().counts_in(made) == {"a": 4, "roster": 2}
    made.user_data = b"?"
    assert StandbyAssignor().counts_in(made) == {}


@given(WISHES, st.text(max_size=5))
def test_wish_survives_the_way(wishes: Mapping[str, set[int]], nonce: str) -> None:
    wish = Wish(ordered(wishes), nonce)
    assert Wish.loads(wish.dumps()) == wish
    assert orjson.loads(wish.dumps())["nonce"] == nonce


def test_topic_that_is_not_subscribed_is_not_granted() -> None:
    assert granted({"a": (0,), "b": (0,)}, ["a"], {"a": 1, "b": 1}) == {"a": (0,)}
