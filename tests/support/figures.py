"""The figures of a scenario, computed from what went in and what came out; no clock, no Kafka."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

SILENCE = 1.0
"""Seconds without output after which a process is taken to have stopped emitting for a partition."""


@dataclass(frozen=True, slots=True)
class Acked:
    """One input record that the broker acknowledged."""

    topic: str
    partition: int
    seq: int
    uuid: str
    offset: int


@dataclass(frozen=True, slots=True)
class Output:
    """One output record.

    Attributes:
        topic: input topic that it answers.
        partition: input partition that it answers.
        offset: input offset that it answers.
        uuid: of the input.
        worker: label of the worker that wrote it.
        pid: process that wrote it.
        emitted: monotonic seconds when the worker wrote it.
        arrived: monotonic seconds when the ledger saw it.
        created: wall clock of the output record, seconds.
    """

    topic: str
    partition: int
    offset: int
    uuid: str
    worker: str
    pid: int
    emitted: float
    arrived: float
    created: float


def lost(inputs: Iterable[str], outputs: Iterable[Output]) -> set[str]:
    """LOST: the input uuids that no output answers."""
    return set(inputs) - {output.uuid for output in outputs}


def duplicates(outputs: Iterable[Output]) -> int:
    """DUP: outputs beyond the first per uuid."""
    return sum(count - 1 for count in Counter(output.uuid for output in outputs).values())


def duplicates_on(outputs: Iterable[Output], partitions: Collection[int]) -> int:
    """DUP of some partitions alone."""
    return duplicates(output for output in outputs if output.partition in partitions)


def first_outputs(outputs: Iterable[Output]) -> list[Output]:
    """The first output of each uuid, in the order of the output topic."""
    first: dict[str, Output] = {}
    for output in outputs:
        first.setdefault(output.uuid, output)
    return list(first.values())


def order_breaks(outputs: Iterable[Output]) -> list[tuple[Output, Output]]:
    """Pairs of neighbouring first outputs of one input partition of one topic whose input offsets go back."""
    split: dict[tuple[str, int], list[Output]] = defaultdict(list)
    for output in first_outputs(outputs):
        split[output.topic, output.partition].append(output)
    return [
        (before, after)
        for of_one in split.values()
        for before, after in pairwise(of_one)
        if after.offset < before.offset
    ]


def recovery(outputs: Iterable[Output], since: float, partitions: Iterable[int], not_by: Iterable[int] = ()) -> float:
    """REC: seconds from `since` to the first output on every one of `partitions`.

    Args:
        outputs: in order of arrival.
        since: monotonic seconds.
        partitions: the affected ones.
        not_by: processes whose late arrivals do not count.

    Returns:
        The seconds; infinite where a partition has no output after `since`.
    """
    dead = set(not_by)
    first: dict[int, float] = {}
    for output in outputs:
        if output.arrived >= since and output.pid not in dead:
            first.setdefault(output.partition, output.arrived - since)
    return max((first.get(partition, float("inf")) for partition in partitions), default=0.0)


def standstills(outputs: Iterable[Output], since: float, until: float) -> dict[int, float]:
    """{partition: longest time without an output in the window, seconds}; silent partitions are absent."""
    return {
        partition: max(after - before for before, after in pairwise([since, *times, until]))
        for partition, of_one in by_partition(outputs).items()
        if (times := [output.arrived for output in of_one if since <= output.arrived <= until])
    }


def both_emitting(outputs: Sequence[Output]) -> float:
    """OWN: the longest time, in seconds, that two processes both emit for one partition.

    A process emits from its first output to its last before `SILENCE`; a partition that goes from one process to
    another and back again after that is no overlap.
    """
    return max(
        (_overlap(one, other) for of_one in by_partition(outputs).values() for one, other in _rivals(of_one)),
        default=0.0,
    )


def by_partition(outputs: Iterable[Output]) -> dict[int, list[Output]]:
    """{input partition: its outputs in the order given}."""
    split: dict[int, list[Output]] = defaultdict(list)
    for output in outputs:
        split[output.partition].append(output)
    return dict(split)


def owners(outputs: Iterable[Output]) -> dict[int, int]:
    """{input partition: pid that emitted for it last}."""
    return {output.partition: output.pid for output in outputs}


def _rivals(of_one: Sequence[Output]) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    times: dict[int, list[float]] = defaultdict(list)
    for output in of_one:
        times[output.pid].append(output.emitted)
    for one, other in combinations(times.values(), 2):
        for stint in _stints(sorted(one)):
            for rival in _stints(sorted(other)):
                yield stint, rival


def _stints(times: Sequence[float]) -> Iterator[tuple[float, float]]:
    begun = times[0]
    for before, after in pairwise(times):
        if after - before > SILENCE:
            yield begun, before
            begun = after
    yield begun, times[-1]


def _overlap(one: tuple[float, float], other: tuple[float, float]) -> float:
    return max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
