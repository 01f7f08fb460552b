"""However an agent goes over its stream, it sees the same records in the same order, and the same is committed."""

from collections import defaultdict
from typing import Any

import pytest

from tests.support.both_paths import Note
from tests.support.both_paths_inputs import EACH
from tests.support.both_paths_runs import Both

pytestmark = pytest.mark.broker

VALUES = [{"n": n, "p": partition} for partition in range(2) for n in range(EACH)]
FIRST = VALUES[:EACH]
WHOLE = {0: EACH, 1: EACH}


def values(notes: list[Note]) -> list[Any]:
    return [note["value"] for note in notes]


def committed(both: Both, name: str) -> dict[int, int]:
    return {partition: offset for (_, partition), offset in both.same_commits(name).items()}


def test_workers_of_both_paths_stop_well(both: Both) -> None:
    assert both.fast.exit_code == 0
    assert both.fast.seconds > 0, "the fast path did not commit everything in time"
    assert both.faust.seconds > 0, "Faust's path did not commit everything in time"


def test_each_worker_goes_its_own_path(both: Both) -> None:
    assert both.fast.pages["/monitor/"]["is_fast"] is True
    assert both.faust.pages["/monitor/"]["is_fast"] is False


def test_values(both: Both) -> None:
    assert values(both.same("values")) == VALUES
    assert committed(both, "values") == WHOLE


def test_events_with_all_that_is_in_them(both: Both) -> None:
    notes = both.same("events")
    assert values(notes) == VALUES
    assert [note["offset"] for note in notes] == [*range(EACH), *range(EACH)]
    assert notes[3]["headers"] == {"h": {"bytes": "3"}, "empty": {"bytes": ""}}
    assert all(note["stands_for"] == [True, True, False] for note in notes)
    assert committed(both, "events") == WHOLE


def test_items(both: Both) -> None:
    notes = both.same("items")
    assert [note["key"] for note in notes[:5]] == [{"bytes": f"key-{n % 4}-0"} for n in range(5)]
    assert committed(both, "items") == WHOLE


def test_enumerate(both: Both) -> None:
    assert [(note["number"], note["value"]["n"]) for note in both.same("enumerate")] == [
        (100 + n, n) for n in range(EACH)
    ]


@pytest.mark.parametrize("feature", ["take", "take-events", "take-timestamp"])
def test_take(both: Both, feature: str) -> None:
    """How many come together is a matter of time, but never more than asked for."""
    taken = {}
    for run in (both.fast, both.faust):
        batches = [note.get("values", note.get("offsets")) for note in run.seen(feature)]
        assert max(map(len, batches)) == 4
        taken[run.path] = [record for batch in batches for record in batch]
    assert taken["fast"] == taken["faust"]
    assert len(taken["faust"]) == EACH
    assert committed(both, feature) == {0: EACH}


def test_filter_commits_what_it_drops(both: Both) -> None:
    assert values(both.same("filter")) == [value for value in VALUES if value["n"] % 3 == 0]
    assert committed(both, "filter") == WHOLE


def test_processors_in_their_order(both: Both) -> None:
    expected = [{**value, "twice": value["n"] * 2, "partition": value["p"]} for value in VALUES if value["n"] != 2]
    assert values(both.same("processors")) == expected
    assert committed(both, "processors") == WHOLE


def test_concurrency_does_everything(both: Both) -> None:
    assert len(both.same_set("concurrency")) == len(VALUES)
    assert committed(both, "concurrency") == WHOLE


def test_isolated_partitions(both: Both) -> None:
    assert values(both.same("isolated")) == VALUES
    assert committed(both, "isolated") == WHOLE


def test_several_topics_in_one_description(both: Both) -> None:
    notes = both.same("both-topics")
    assert {note["topic"] for note in notes} == {"left", "right"}
    assert len(notes) == 2 * len(VALUES)
    assert set(both.same_commits("left", "right").values()) == {EACH}


def test_second_loop_goes_on_behind_the_first(both: Both) -> None:
    """Nothing is lost; how far Faust commits after a `break` is its own affair, the last record was in hand."""
    notes = both.same("break")
    assert values(notes) == FIRST
    assert [note["loop"] for note in notes] == [1] * 4 + [2] * 6


def test_error_that_the_body_catches(both: Both) -> None:
    notes = both.same("continue")
    assert [note["offset"] for note in notes] == list(range(EACH))
    assert [note["caught"]["n"] for note in notes if "caught" in note] == [3]
    assert committed(both, "continue") == {0: EACH}


@pytest.mark.parametrize("feature", ["shared-json", "shared-again", "shared-bytes", "shared-record"])
def test_several_agents_on_one_topic_each_see_all(both: Both, feature: str) -> None:
    assert [(note["partition"], note["offset"]) for note in both.same(feature)] == [
        (partition, n) for partition in range(2) for n in range(EACH)
    ]
    assert committed(both, "shared") == WHOLE


def test_stream_over_a_list(both: Both) -> None:
    assert values(both.same("list-stream")) == [1, 2, 3]


def test_two_streams_as_one(both: Both) -> None:
    both.same_set("combined")
    for run in (both.fast, both.faust):
        of_partition = defaultdict(list)
        for value in values(run.seen("combined")):
            of_partition[value["p"]].append(value["n"])
        assert all(len(numbers) == EACH for numbers in of_partition.values())


def test_channels_in_memory(both: Both) -> None:
    assert values(both.same("channel")) == [number for n in range(EACH) for number in (n, n + 1000)]
    assert [note["value"]["n"] for note in both.same("channel-typed")] == list(range(EACH))
