"""Keys and values of every kind are read and written the same; what does not decode costs no neighbour."""

import pytest

from tests.support.both_paths_inputs import EACH
from tests.support.both_paths_runs import Both

pytestmark = pytest.mark.broker

COUNTS = {
    "str-key": 2 * EACH,
    "bytes-key": 2 * EACH,
    "raw": 2 * EACH,
    "no-types": 2 * EACH,
    "text": 2 * EACH,
    "schema": 2 * EACH,
    "int-key": EACH,
    "pickle": 3,
    "pickle-any": 3,
    "binary": 3,
    "binary-alone": 3,
    "yaml": EACH,
    "record": 4,
    "record-untyped": 4,
    "nulls": 7,
    "nulls-bytes": 7,
    "nulls-allowed": 4,
}


@pytest.mark.parametrize("feature", COUNTS)
def test_read_and_written(both: Both, feature: str) -> None:
    assert len(both.same(feature)) == COUNTS[feature]
    assert len(both.same_output(f"{feature}-copy")) == COUNTS[feature]


def test_types(both: Both) -> None:
    assert both.same("str-key")[0]["types"] == ["str", "dict"]
    assert both.same("bytes-key")[0]["types"] == ["bytes", "dict"]
    assert both.same("int-key")[0]["types"] == ["int", "int"]
    assert both.same("record")[0]["types"] == ["Place", "Shape"]


def test_nested_records(both: Both) -> None:
    value = both.same("record")[0]["value"]
    assert value["points"][1] == {"record": "Point", "x": 0, "y": 1}
    assert value["price"] == {"decimal": "12.50"}
    assert value["maybe"] == {"record": "Point", "x": 9, "y": 7}


def test_schema_of_its_own(both: Both) -> None:
    assert both.same("schema")[0]["value"][0] == {"bytes": "0"}
    records = both.same_output("schema-copy")
    assert all(record[2].startswith(b"shout:") and record[3] == (("made", b"by schema"),) for record in records)


def test_nulls(both: Both) -> None:
    assert [note["value"] for note in both.same("nulls")] == [1, None, 2, None, None, "", 3]
    assert [note["value"] for note in both.same("nulls-allowed")] == [
        {"record": "Point", "x": 1, "y": 7},
        None,
        {"record": "Point", "x": 2, "y": 7},
        None,
    ]


def test_neighbours_of_undecodable_records_arrive(both: Both) -> None:
    assert [note["offset"] for note in both.same("decodable")] == [0, 2, 7]
    assert [note["offset"] for note in both.same("fitting")] == [0, 3, 4]
    assert set(both.same_commits("undecodable").values()) == {8}
    assert set(both.same_commits("unfitting").values()) == {5}


def test_undecodable_records_are_told_to_the_topic(both: Both) -> None:
    assert [note["offset"] for note in both.same("undecodable-key")] == [3, 4]
    assert sorted(note["offset"] for note in both.same_set("undecodable-value")) == [1, 1, 2, 5, 6]
    assert len(both.same_set("undecodable")) == 7


def test_pattern_topics_read_nothing(both: Both) -> None:
    """Faust takes a pattern and subscribes to nothing."""
    assert both.fast.seen("pattern") == both.faust.seen("pattern") == []
