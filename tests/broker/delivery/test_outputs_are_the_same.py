"""What agents send on is the same, to the byte, whichever way they send it."""

import json
from collections import defaultdict
from typing import Any

import pytest

from tests.support.both_paths import Note
from tests.support.both_paths_inputs import BASE, EACH
from tests.support.both_paths_runs import Both

pytestmark = pytest.mark.broker

SINKS = ("sink-agent", "sink-function", "sink-async")


def in_order_by_key(notes: list[Note]) -> dict[Any, list[int]]:
    """`{key: its numbers in order}`."""
    found: dict[Any, list[int]] = defaultdict(list)
    for note in notes:
        found[repr(note["key"])].append(note["value"]["n"])
    return dict(found)


def test_sinks(both: Both) -> None:
    expected = sorted(n * 10 for n in range(EACH) for _ in range(2))
    for feature in SINKS:
        assert sorted(note["value"] for note in both.same_set(feature)) == expected
    for run in (both.fast, both.faust):
        sunk = both.broker.read(f"{run.group_id}-sunk")
        assert sorted(json.loads(record.value) for record in sunk) == expected
    assert set(both.same_commits("sinks").values()) == {EACH}


def test_forward_keeps_bytes_and_headers(both: Both) -> None:
    records = sorted(both.same_set_of_output("forwarded"), key=repr)
    assert len(records) == 2 * EACH
    assert {record[3] for record in records} == {(("h", b"%d" % n), ("empty", b"")) for n in range(EACH)}
    others = both.same_set_of_output("forwarded-other")
    assert {record[1:4] for record in others} == {(b"other", b"else", (("h", b"new"),))}


def test_send_of_an_event(both: Both) -> None:
    assert len(both.same_set_of_output("sent")) == 2 * EACH
    others = both.same_set_of_output("sent-other")
    assert {(record[0], record[4]) for record in others} == {
        (1, BASE + n * 1500 + partition) for n in range(EACH) for partition in range(2)
    }


def test_forwarded_records_of_a_key_keep_their_order(both: Both) -> None:
    for run in (both.fast, both.faust):
        numbers: dict[Any, list[int]] = defaultdict(list)
        for record in both.broker.read(f"{run.group_id}-forwarded"):
            numbers[record.key].append(json.loads(record.value)["n"])
        assert all(of_key == sorted(of_key) for of_key in numbers.values())


def test_each_way_to_send(both: Both) -> None:
    both.same("send-all")
    assert all(note["grows"] for note in both.fast.seen("send-all"))
    assert [note["partition"] for note in both.same("send-callback")] == [0] * 4
    records = both.same_output("sent-all")
    assert [record[1] for record in records if record[0] == 0] == [b"awaited", b"soon", b"callback"] * 4
    assert [record[4] for record in records if record[0] == 1] == [BASE + n * 1500 for n in range(4)]


def test_record_that_is_too_large_fails_where_it_is_sent(both: Both) -> None:
    assert {note["told"] for note in both.same("too-large")} == {"ProducerSendError"}
    assert both.same_output("never") == []
    assert set(both.same_commits("too-large").values()) == {2}


def test_through(both: Both) -> None:
    assert in_order_by_key(both.fast.seen("through")) == in_order_by_key(both.faust.seen("through"))
    assert len(both.fast.seen("through")) == 2 * EACH
    assert set(both.same_commits("through").values()) == {EACH}


def test_echo(both: Both) -> None:
    assert len(both.same("echo")) == 2 * EACH
    for run in (both.fast, both.faust):
        for name in ("echoed", "echoed-too"):
            values = [json.loads(record.value) for record in both.broker.read(f"{run.group_id}-{name}")]
            assert sorted((value["p"], value["n"]) for value in values) == [
                (p, n) for p in range(2) for n in range(EACH)
            ]


@pytest.mark.parametrize(("feature", "count"), [("group-by-field", EACH), ("group-by-function", 2 * EACH)])
def test_group_by(both: Both, feature: str, count: int) -> None:
    assert len(both.same_set(feature)) == count
    assert {note["key"] for note in both.fast.seen(feature)} in ({"a0", "a1", "a2"}, {"0", "1", "2"})
    assert sum(both.same_commits(feature).values()) == count


def test_internal_topics_are_committed_too(both: Both) -> None:
    """Those of `through`, `group_by` and of an agent that is a sink."""
    for run in (both.fast, both.faust):
        own = {tp: offset for tp, offset in run.committed.items() if tp[0].startswith(run.group_id)}
        internal = {tp for tp in own if tp[0].endswith(("-repartition", "-through", "-sunk-agent"))}
        ends = both.broker.ends({topic for topic, _ in internal})
        assert {tp: own.get(tp, 0) for tp in ends} == ends
        assert len({topic for topic, _ in internal}) == 4


def test_timestamps_of_forwarded_records(both: Both) -> None:
    """Faust stamps what is forwarded anew, unless it is told a time."""
    assert {record[4] for record in both.same_set_of_output("forwarded")} <= {None, BASE}
