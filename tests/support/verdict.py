"""What every scenario requires, judged from the ledger and the group's history; no clock, no Kafka."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence

from tests.support.figures import Acked, Output, first_outputs, lost, order_breaks
from tests.support.group_history import GroupHistory, regressions
from tests.support.group_records import CommitRecord

CLOCK_STEP = 0.005
"""Seconds by which the timestamps of an output and of a commit may disagree; both are whole milliseconds."""


def complaints(inputs: Sequence[Acked], outputs: Sequence[Output], history: GroupHistory) -> list[str]:
    """Every broken requirement, one sentence each: LOST = 0, first outputs in order, commits monotonic, at the end
    after the drain, and never ahead of the outputs."""
    found = []
    if missing := lost((acked.uuid for acked in inputs), outputs):
        found.append(f"LOST {len(missing)}, {{partition: (first, last offset)}}: {_where(inputs, missing)}")
    if breaks := order_breaks(outputs):
        found.append(f"first outputs out of order {len(breaks)} times, first: {breaks[0]}")
    if back := regressions(history.commits):
        found.append(f"commits went back {len(back)} times, first: {back[0]}")
    if behind := uncommitted(inputs, history):
        found.append(f"commits are not at the end, {{partition: records behind}}: {behind}")
    if ahead := commits_ahead(inputs, outputs, history.commits):
        found.append(f"commits ran ahead of the outputs {len(ahead)} times, first: {ahead[0]}")
    return found


def uncommitted(inputs: Iterable[Acked], history: GroupHistory) -> dict[tuple[str, int], int]:
    """{(topic, partition): records behind the last commit}, without the partitions where there are none."""
    ends: dict[tuple[str, int], int] = {}
    for acked in inputs:
        ends[acked.topic, acked.partition] = max(ends.get((acked.topic, acked.partition), 0), acked.offset + 1)
    committed = {topic: history.committed(topic) for topic in {topic for topic, _ in ends}}
    behind = {(topic, p): end - committed[topic].get(p, 0) for (topic, p), end in ends.items()}
    return {where: records for where, records in behind.items() if records}


def commits_ahead(
    inputs: Iterable[Acked], outputs: Iterable[Output], commits: Iterable[CommitRecord]
) -> list[CommitRecord]:
    """The commits that covered an input before its first output was written."""
    written = {output.uuid: output.created for output in first_outputs(outputs)}
    offsets: dict[tuple[str, int], list[int]] = defaultdict(list)
    complete: dict[tuple[str, int], list[float]] = defaultdict(list)
    for acked in sorted(inputs, key=lambda acked: acked.offset):
        where = acked.topic, acked.partition
        earlier = complete[where][-1] if complete[where] else 0.0
        offsets[where].append(acked.offset)
        complete[where].append(max(earlier, written.get(acked.uuid, float("inf"))))
    return [
        commit
        for commit in commits
        if commit.offset is not None
        if (covered := bisect_left(offsets[commit.topic, commit.partition], commit.offset))
        if complete[commit.topic, commit.partition][covered - 1] > commit.timestamp + CLOCK_STEP
    ]


def _where(inputs: Iterable[Acked], missing: set[str]) -> dict[tuple[str, int], tuple[int, int]]:
    spans: dict[tuple[str, int], tuple[int, int]] = {}
    for acked in inputs:
        if acked.uuid in missing:
            low, high = spans.get((acked.topic, acked.partition), (acked.offset, acked.offset))
            spans[acked.topic, acked.partition] = (min(low, acked.offset), max(high, acked.offset))
    return spans
