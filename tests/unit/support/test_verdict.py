"""What every scenario requires, on made-up inputs, outputs and commits."""

import re

import pytest

from tests.support.figures import Acked, Output
from tests.support.group_history import GroupHistory
from tests.support.group_records import CommitRecord
from tests.support.verdict import complaints

INPUTS = [Acked("in", partition, seq, f"{partition}-{seq}", seq) for partition in (0, 1) for seq in range(3)]


def output(acked: Acked, created: float = 1.0) -> Output:
    return Output(acked.topic, acked.partition, acked.offset, acked.uuid, "w0", 1, created, created, created)


def committed(*offsets: tuple[int, int], at: float = 2.0) -> GroupHistory:
    return GroupHistory((), tuple(CommitRecord("g", "in", partition, offset, at) for partition, offset in offsets))


OUTPUTS = [output(acked) for acked in INPUTS]
COMPLETE = committed((0, 3), (1, 3))


def test_nothing_to_complain_about() -> None:
    assert complaints(INPUTS, OUTPUTS, COMPLETE) == []


@pytest.mark.parametrize(
    ("outputs", "history", "complaint"),
    [
        (OUTPUTS[1:], committed((0, 3), (1, 3), at=0.0), "LOST 1"),
        ([OUTPUTS[1], OUTPUTS[0], *OUTPUTS[2:]], COMPLETE, "out of order 1 times"),
        (OUTPUTS, committed((0, 3), (1, 2), (0, 2), (0, 3), (1, 3)), "went back 1 times"),
        (OUTPUTS, committed((0, 3), (1, 2)), r"not at the end.*\('in', 1\): 1"),
        (OUTPUTS, committed((0, 3)), r"not at the end.*\('in', 1\): 3"),
        (OUTPUTS, committed((0, 3), (1, 3), at=0.5), "ahead of the outputs 2 times"),
    ],
)
def test_each_broken_requirement_is_told(outputs: list[Output], history: GroupHistory, complaint: str) -> None:
    assert any(re.search(complaint, told) for told in complaints(INPUTS, outputs, history))


def test_a_commit_below_the_late_output_is_not_ahead() -> None:
    late = [*OUTPUTS[:-1], output(INPUTS[-1], created=5.0)]
    history = GroupHistory((), (*committed((0, 3), (1, 2)).commits, *committed((1, 3), at=6.0).commits))

    assert complaints(INPUTS, late, history) == []


def test_topics_are_judged_apart() -> None:
    other = Acked("extra", 0, 0, "extra-0-0", 0)
    told = complaints([*INPUTS, other], [*OUTPUTS, output(other)], COMPLETE)

    assert len(told) == 1
    assert "('extra', 0): 1" in told[0]
