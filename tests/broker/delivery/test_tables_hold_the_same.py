"""Tables of every kind have the same values in the body, for whoever goes over them, and in their changelogs."""

from typing import Any

import pytest

from tests.support.both_paths_inputs import EACH
from tests.support.both_paths_runs import Both, Run

pytestmark = pytest.mark.broker

TABLES = ("counts", "objects", "on-disk", "totals", "tumbling", "hopping", "tags", "rates", "changes")


def last_values(both: Both, run: Run, table: str) -> dict[Any, Any]:
    """`{(partition, key): last value}` of a changelog, without what was deleted."""
    records = both.broker.read(f"{run.group_id}-{table}-changelog")
    found = {(record.partition, record.key): record.value for record in records}
    return {key: value for key, value in found.items() if value is not None}


def test_in_the_body(both: Both) -> None:
    notes = both.same("tables")
    assert len(notes) == 2 * EACH
    last = {note["key"]: note for note in notes}["key-1-0"]
    assert (last["counts"], last["objects"], last["on_disk"], last["total"]) == (6, [1, 5, 9], 15, 15)
    assert last["tags"] == [1, 5, 9]
    assert set(both.same_commits("tables").values()) == {EACH}


def test_each_way_to_change_a_table(both: Both) -> None:
    notes = both.same("table-changes")
    assert [note["has"] for note in notes[:EACH]] == [n % 3 != 0 and n % 4 != 0 for n in range(EACH)]


def test_going_over_tables(both: Both) -> None:
    fast, faust = (run.pages["/tables/"] for run in (both.fast, both.faust))
    assert fast == faust
    assert fast["length"] == 8
    assert fast["counts"]["key-0-1"] == 6


@pytest.mark.parametrize("table", TABLES)
def test_changelogs_end_with_the_same_values(both: Both, table: str) -> None:
    fast, faust = (last_values(both, run, table) for run in (both.fast, both.faust))
    assert fast == faust
    assert faust
