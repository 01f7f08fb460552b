"""A partition that is taken away in the middle of a batch goes on elsewhere: nothing lost, and never in two places."""

import pytest

from framework.testing import eventually
from tests.support.both_paths import PathWorker, Starter
from tests.support.both_paths_bodies import bodies, numbers
from tests.support.both_paths_broker import BrokerSide

pytestmark = pytest.mark.broker

COUNT = 2500
SLOW = {n: {"hold": 0.004, "only": "a"} for n in range(COUNT)}
"""The first worker alone would need 20 s: the second one is there long before. What it takes over it does at once."""


def test_rebalance_in_the_middle_of_a_batch(path: str, start: Starter, broker: BrokerSide) -> None:
    topic = f"{start.prefix}-bodies"
    broker.create([topic])
    broker.send({topic: (*bodies(COUNT, SLOW), *bodies(COUNT, SLOW, partition=1))})
    first = start("bodies", path, label="a")
    first.noted("done", 100)
    second = start("bodies", path, label="b")
    second.noted("done", 1)
    eventually(lambda: _done(first, second, 0) == _done(first, second, 1) == COUNT, within=30.0)

    (moved,) = {note["partition"] for note in second.notes("done")}
    assert 0 < numbers(second, "done", moved)[0] < COUNT, "it did not move in the middle"
    last = [note["at"] for note in first.notes("done") if note["partition"] == moved][-1]
    assert last < next(note["at"] for note in second.notes("begun"))
    for partition in (moved, 1 - moved):
        both = numbers(first, "begun", partition) + numbers(second, "begun", partition)
        assert both == list(range(COUNT))
    assert (first.stop(), second.stop()) == (0, 0)
    assert broker.committed(first.group_id)[topic, moved] == COUNT


def _done(first: PathWorker, second: PathWorker, partition: int) -> int:
    return len(set(numbers(first, "done", partition)) | set(numbers(second, "done", partition)))
