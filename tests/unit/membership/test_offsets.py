"""What is asked about offsets, and how the answers are read."""

from aiokafka.protocol.commit import OffsetFetchResponse_v3
from aiokafka.protocol.metadata import MetadataResponse_v5
from aiokafka.protocol.offset import OffsetResponse_v2

from framework.membership import offsets
from framework.membership.offsets import Lag, Partition

VERSIONS = {2: (1, 11), 3: (0, 13), 9: (1, 10)}
A0, A1, B0 = Partition("a", 0), Partition("a", 1), Partition("b", 0)


def test_lag_is_what_lies_between() -> None:
    assert Lag(3, 10).lag == 7
    assert Lag(None, 10).lag is None
    assert Lag(3, None).lag is None
    assert Lag(11, 10).lag == 0, "the end is asked for apart from the commit, and may be the older of the two"


def test_topics_are_not_created_by_asking() -> None:
    struct = offsets.metadata_request({"b", "a"}).prepare(VERSIONS)
    assert struct.topics == ["a", "b"]
    assert struct.allow_auto_topic_creation is False


def test_leaders() -> None:
    found = [(0, 0, 7, [], [], []), (5, 1, -1, [], [], [])]
    response = MetadataResponse_v5(0, [], "", 0, [(0, "a", False, found), (3, "gone", False, [])])
    assert offsets.leaders_in(response) == {A0: 7, A1: -1}


def test_committed() -> None:
    struct = offsets.committed_request("g", [B0, A1, A0]).prepare(VERSIONS)
    assert (struct.consumer_group, struct.topics) == ("g", [("a", [0, 1]), ("b", [0])])
    response = OffsetFetchResponse_v3(0, [("a", [(0, 12, "", 0), (1, -1, "", 0)])], 0)
    assert offsets.committed_in(response) == {A0: 12}


def test_ends_are_asked_of_the_leaders() -> None:
    requests = offsets.ends_requests({A0: 7, A1: 8, B0: 7, Partition("b", 1): -1})
    asked = {node: request.prepare(VERSIONS).topics for node, request in requests.items()}
    assert asked == {7: [("a", [(0, -1)]), ("b", [(0, -1)])], 8: [("a", [(1, -1)])]}
    response = OffsetResponse_v2(0, [("a", [(0, 0, -1, 99), (1, 6, -1, -1)])])
    assert offsets.ends_in(response) == {A0: 99}
