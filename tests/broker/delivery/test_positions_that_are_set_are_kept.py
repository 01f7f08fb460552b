"""Seeks, pauses, gaps, out-of-range offsets and very large records: nothing is lost, nothing is read from elsewhere."""

import pytest

from tests.support.both_paths_inputs import EACH, LARGE, transactions
from tests.support.both_paths_runs import Both

pytestmark = pytest.mark.broker


def test_seek_back(both: Both) -> None:
    assert [note["offset"] for note in both.same("seek")] == [*range(EACH), *range(2, EACH)]
    assert set(both.same_commits("seek").values()) == {EACH}


def test_paused_partition_waits(both: Both) -> None:
    notes = both.same("pause")
    assert [note["offset"] for note in notes] == [0, 1, 2]
    assert not any(note["paused"] for note in notes)


def test_transactions(both: Both) -> None:
    """Faust reads what is not committed, too; the markers between are no records, and hold no commit up."""
    count = sum(len(transaction.inputs) for transaction in transactions())
    notes = both.same("transactions")
    assert len(notes) == count
    assert [note["offset"] for note in notes] == [n for n in range(20) if n % 4 != 3]
    for run in (both.fast, both.faust):
        assert run.committed[f"{both.inputs}-transactions", 0] in (19, 20)


def test_large_records(both: Both) -> None:
    assert [note["size"] for note in both.same("large")] == [6, LARGE, 5, LARGE]
    assert set(both.same_commits("large").values()) == {4}


def test_offset_before_the_first_record(both: Both) -> None:
    """The records behind it that retention has left are read."""
    assert [note["offset"] for note in both.same("dropped")] == [6, 7, 8, 9]
    assert set(both.same_commits("dropped").values()) == {EACH}


def test_offset_behind_the_last_record(both: Both) -> None:
    """The topic is read from its beginning."""
    assert [note["offset"] for note in both.same("beyond")] == list(range(EACH))


def test_commit_behind_the_last_record_is_put_right(both: Both) -> None:
    """Else the records of a topic that was made anew count as done as soon as it is as long as the old one was."""
    assert both.fast.committed[f"{both.inputs}-beyond", 0] == EACH
