"""The current event is the one whose body asks, in whatever way it asks."""

import pytest

from tests.support.both_paths_inputs import CURRENT
from tests.support.both_paths_runs import Both

pytestmark = pytest.mark.broker

IN_ONE_PLACE = ("body", "awaited", "slow", "child", "called", "thread", "context", "after")


@pytest.mark.parametrize("run", ["fast", "faust"])
def test_in_the_body_and_in_all_that_it_starts(both: Both, run: str) -> None:
    notes = getattr(both, run).seen("current")
    wrong = [
        note
        for note in notes
        if {note[place] for place in IN_ONE_PLACE} | set(note["gathered"]) != {note["offset"]}
        or note["agent"] != "current"
    ]
    assert not wrong
    assert len(notes) == 2 * CURRENT


@pytest.mark.parametrize("run", ["fast", "faust"])
def test_in_a_child_task_that_outlives_the_body(both: Both, run: str) -> None:
    notes = getattr(both, run).seen("current-later")
    assert [note for note in notes if note["child"] != note["offset"] or not note["same"]] == []
    assert len(notes) == 2 * CURRENT


@pytest.mark.parametrize("run", ["fast", "faust"])
def test_in_bodies_beside_each_other(both: Both, run: str) -> None:
    notes = getattr(both, run).seen("current-values")
    assert [note for note in notes if set(note["seen"]) != {note["offset"]}] == []
    assert len(notes) == CURRENT
