"""Followed changelogs wait while there is something else, in order, and are given back whole."""

from types import SimpleNamespace

from faust.types import TP

from framework.streams.reading.following import Backlog

ONE, OTHER = TP("one-changelog", 0), TP("other-changelog", 0)


def record(offset: int) -> SimpleNamespace:
    return SimpleNamespace(offset=offset)


def filled() -> Backlog:
    backlog = Backlog()
    for tp, offset, seeks in [(ONE, 5, 1), (OTHER, 9, 2), (ONE, 6, 1), (ONE, 7, 3)]:
        backlog.add(tp, record(offset), seeks)
    return backlog


def test_what_has_waited_longest_comes_first() -> None:
    backlog = filled()
    assert backlog.next_partition == ONE
    assert backlog.partitions() == {ONE, OTHER}
    taken = [backlog.pop() for _ in range(len(backlog))]
    assert [(tp, found.offset, seeks) for tp, found, seeks in taken] == [
        (ONE, 5, 1),
        (OTHER, 9, 2),
        (ONE, 6, 1),
        (ONE, 7, 3),
    ]
    assert backlog.next_partition is None


def test_a_partition_is_given_back_from_its_first_record() -> None:
    backlog = filled()
    assert backlog.drop({ONE}) == {ONE: (5, 1)}
    assert len(backlog) == 1
    assert backlog.next_partition == OTHER
    assert backlog.drop({ONE}) == {}
