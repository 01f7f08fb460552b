"""While workers join, leave and are killed in the middle of a stream of records, each record comes out, and in order.

What comes out of a partition are its numbers one after the other. A rebalance makes no difference to that. After a kill
they begin once more where the commit was, and never behind it. Only on the fast path: Faust's own would take minutes.
"""

import json
from itertools import pairwise

import pytest

from framework.testing import eventually
from tests.support.both_paths import PathWorker, Starter
from tests.support.both_paths_broker import BrokerSide
from tests.support.both_paths_bulk import read_numbers, write

pytestmark = pytest.mark.broker

PARTITIONS = 4
EACH = 80_000
BATCH = 64 * 1024
STEP = 5_000
"""So many records come out between one event and the next."""

QUICK = {"FRAMEWORK_COMMIT_INTERVAL": "0.3", "FRAMEWORK_HEARTBEAT_INTERVAL_MS": "300"}


def record(_: int, number: int) -> tuple[bytes, bytes]:
    """A hundred bytes."""
    return b"k%d" % (number % 1000), json.dumps({"n": number, "text": "x" * 75}).encode()


class Flow:
    """The input, the output, and what is known of them."""

    def __init__(self, start: Starter, broker: BrokerSide) -> None:
        self.start, self.broker = start, broker
        self.source, self.copies = f"{start.prefix}-numbers", f"{start.prefix}-copies"
        broker.create([self.source, self.copies], partitions=PARTITIONS)
        write(broker, [self.source], range(EACH), record, partitions=PARTITIONS, batch=BATCH)

    def worker(self, label: str, seat: str, pace: int) -> PathWorker:
        """Start one whose body sleeps every `pace` records."""
        environment = {**QUICK, "BOTH_PACE": str(pace), "FRAMEWORK_LEAVE_POLICY": "always"}
        return self.start("numbered", "fast", label=label, seat=seat, environment=environment)

    def come_out(self) -> int:
        """How many have come out."""
        return sum(self.broker.ends([self.copies]).values())

    def go_on(self) -> None:
        """Wait until more has come out; all of it has not."""
        before = self.come_out()
        eventually(lambda: self.come_out() >= before + STEP, within=30.0)
        assert self.come_out() < PARTITIONS * (EACH - STEP), "it is at the end before anything could happen"

    def committed(self) -> dict[int, int]:
        """`{partition: committed offset}`."""
        return {partition: offset for (_, partition), offset in self.broker.committed(self.start.prefix).items()}


def assigned(worker: PathWorker) -> list[int]:
    """The partitions that it was given last."""
    notes = worker.notes("assigned")
    return list(notes[-1]["partitions"]) if notes else []


def test_nothing_is_lost_under_load(start: Starter, broker: BrokerSide) -> None:
    flow = Flow(start, broker)
    first = flow.worker("a", "a", pace=8)
    flow.go_on()
    second = flow.worker("b", "b", pace=16)
    eventually(lambda: len(assigned(first)) == len(assigned(second)) == PARTITIONS // 2, within=30.0)
    flow.go_on()
    assert first.stop() == 0
    eventually(lambda: len(assigned(second)) == PARTITIONS, within=30.0)
    flow.go_on()
    second.kill()
    at_the_kill = flow.committed()
    third = flow.worker("b2", "b", pace=0)
    with third.log_on_failure():
        eventually(lambda: set(flow.committed().values()) == {EACH}, within=40.0)
    assert third.stop() == 0

    came_out = read_numbers(broker, flow.copies, partitions=PARTITIONS)
    for partition, numbers in came_out.items():
        assert set(numbers) == set(range(EACH))
        backs = [(before, after) for before, after in pairwise(numbers) if after != before + 1]
        assert len(backs) <= 1, f"partition {partition} was begun more than once more: {backs}"
        assert all(at_the_kill[partition] <= after <= before for before, after in backs)
