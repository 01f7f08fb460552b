"""How far a partition may be committed."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.streams.reading.acks import committable

Gaps = list[tuple[int, int]]


@pytest.mark.parametrize(
    ("floor", "acked", "gaps", "offset"),
    [
        (0, [], [], 0),
        (5, [5], [], 6),
        (5, [5, 6, 7], [], 8),
        (5, [6, 7], [], 5),
        (5, [5, 7], [], 6),
        (5, [3, 4], [], 5),
        (5, [3, 5], [], 6),
        (5, [5, 5, 6], [], 7),
        (5, [8], [(5, 8)], 9),
        (5, [], [(5, 8)], 8),
        (5, [], [(6, 8)], 5),
        (5, [5, 8], [(6, 8)], 9),
        (5, [5], [(6, 8)], 8),
        (5, [5, 9], [(6, 8)], 8),
        (5, [], [(2, 4)], 5),
        (5, [], [(2, 7)], 7),
        (5, [7, 12], [(5, 7), (8, 12)], 13),
        (5, [6], [(5, 6), (5, 7)], 7),
    ],
    ids=[
        "nothing",
        "one",
        "some",
        "the first is not finished",
        "one in the middle is not finished",
        "only old ones",
        "an old one and the first",
        "the same twice",
        "a gap first",
        "nothing but a gap",
        "a gap behind what is not finished",
        "a gap in the middle",
        "a gap at the end",
        "a gap, then one that is not finished",
        "an old gap",
        "a gap that began before the floor",
        "two gaps",
        "gaps that overlap",
    ],
)
def test_committable(floor: int, acked: Sequence[int], gaps: Gaps, offset: int) -> None:
    assert committable(floor, acked, gaps) == offset


@st.composite
def partitions(draw: st.DrawFn) -> tuple[int, list[int], Gaps]:
    floor = draw(st.integers(0, 12))
    acked = sorted(draw(st.lists(st.integers(0, 24), max_size=16)))
    gaps = sorted(draw(st.lists(st.tuples(st.integers(0, 24), st.integers(1, 4)), max_size=4)))
    return floor, acked, [(first, first + size) for first, size in gaps]


@given(partitions())
def test_it_is_the_first_offset_that_is_neither_finished_nor_in_a_gap(partition: tuple[int, list[int], Gaps]) -> None:
    floor, acked, gaps = partition
    done = set(acked).union(*(range(first, end) for first, end in gaps))
    expected = floor
    while expected in done:
        expected += 1

    assert committable(floor, acked, gaps) == expected


@given(partitions(), st.integers(0, 24))
def test_finishing_one_more_never_takes_it_back(partition: tuple[int, list[int], Gaps], offset: int) -> None:
    floor, acked, gaps = partition

    assert floor <= committable(floor, acked, gaps) <= committable(floor, sorted([*acked, offset]), gaps)
