"""LOST, DUP, REC, OWN, standstill and order out of a list of outputs."""

import math

from hypothesis import given
from hypothesis import strategies as st

from tests.support.figures import (
    Output,
    both_emitting,
    duplicates,
    duplicates_on,
    lost,
    order_breaks,
    owners,
    recovery,
    standstills,
)


def output(offset: int, at: float, *, partition: int = 0, pid: int = 1) -> Output:
    return Output("in", partition, offset, f"{partition}-{offset}", f"w{pid}", pid, at, at, at)


def emitting(pid: int, begin: float, end: float, partition: int = 0) -> list[Output]:
    steps = round((end - begin) / 0.1)
    return [output(step, begin + step * 0.1, partition=partition, pid=pid) for step in range(steps + 1)]


def test_lost_are_the_inputs_without_output() -> None:
    assert lost(["0-1", "0-2"], [output(2, 0.0), output(2, 1.0)]) == {"0-1"}


def test_duplicates_are_the_outputs_beyond_the_first() -> None:
    assert duplicates([output(1, 0.0), output(2, 1.0), output(1, 2.0), output(1, 3.0)]) == 2


def test_duplicates_on_some_partitions_alone() -> None:
    outputs = [output(1, 0.0), output(1, 1.0), output(1, 0.0, partition=2), output(1, 1.0, partition=2)]

    assert (duplicates_on(outputs, {2}), duplicates_on(outputs, {0, 2}), duplicates_on(outputs, ())) == (1, 2, 0)


@given(st.lists(st.integers(0, 20)))
def test_every_output_is_either_the_first_or_a_duplicate(offsets: list[int]) -> None:
    outputs = [output(offset, float(at)) for at, offset in enumerate(offsets)]

    assert duplicates(outputs) + len(set(offsets)) == len(outputs)


def test_order_counts_first_outputs_only() -> None:
    assert order_breaks([output(offset, 0.0) for offset in (1, 2, 3, 2, 3, 4)]) == []


def test_order_break_is_found_in_its_partition() -> None:
    mixed = [output(1, 0.0), output(9, 0.0, partition=1), output(3, 0.0), output(2, 0.0)]

    assert [(before.offset, after.offset) for before, after in order_breaks(mixed)] == [(3, 2)]


def test_recovery_waits_for_the_slowest_affected_partition() -> None:
    outputs = [output(1, 1.0), output(2, 11.0), output(3, 14.0, partition=1), output(4, 19.0, partition=2)]

    assert recovery(outputs, since=10.0, partitions=[0, 1]) == 4.0


def test_recovery_ignores_what_the_dead_sent_before() -> None:
    assert recovery([output(1, 10.1, pid=7), output(1, 12.0, pid=8)], 10.0, [0], not_by=[7]) == 2.0


def test_recovery_that_never_came_is_infinite() -> None:
    assert recovery([output(1, 1.0)], since=10.0, partitions=[0]) == math.inf


def test_standstill_counts_the_edges_of_the_window() -> None:
    outputs = [output(1, 2.0), output(2, 3.0), output(3, 5.5, partition=1)]

    assert standstills(outputs, since=0.0, until=6.0) == {0: 3.0, 1: 5.5}


def test_two_processes_at_once_overlap() -> None:
    assert math.isclose(both_emitting(emitting(1, 0.0, 5.0) + emitting(2, 3.0, 9.0)), 2.0)


def test_one_after_the_other_does_not_overlap() -> None:
    assert both_emitting(emitting(1, 0.0, 5.0) + emitting(2, 5.1, 9.0)) == 0.0


def test_there_and_back_again_does_not_overlap() -> None:
    assert both_emitting(emitting(1, 0.0, 5.0) + emitting(2, 5.1, 9.0) + emitting(1, 9.1, 12.0)) == 0.0


def test_different_partitions_do_not_overlap() -> None:
    assert both_emitting(emitting(1, 0.0, 5.0) + emitting(2, 0.0, 5.0, partition=1)) == 0.0


def test_owner_is_who_emitted_last() -> None:
    assert owners([output(1, 0.0, pid=1), output(2, 1.0, pid=2), output(1, 0.0, partition=3, pid=1)]) == {0: 2, 3: 1}
