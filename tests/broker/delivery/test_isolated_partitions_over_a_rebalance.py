"""Agents with an actor a partition lose nothing when partitions go and come back, also while their bodies fail."""

import signal

import pytest

from framework.testing import eventually
from tests.support.both_paths import Starter
from tests.support.both_paths_bodies import bodies, numbers
from tests.support.both_paths_broker import BrokerSide, Input

pytestmark = pytest.mark.broker

PARTITIONS = range(4)
STEP, BAD = 100, 5
"""Records of each partition that are sent at a time; at which one bodies fail."""

QUICK = {
    "FRAMEWORK_HEARTBEAT_INTERVAL_MS": "300",
    "FRAMEWORK_COMMIT_INTERVAL": "0.2",
    "FRAMEWORK_AGENT_TRIES": "1000",
}


def test_isolated_partitions_over_a_rebalance(path: str, start: Starter, broker: BrokerSide) -> None:
    """On Faust's own path no body fails: Faust takes the channel of one that did from its conductor."""
    topic, told = f"{start.prefix}-bodies", f"{start.prefix}-let-go"
    broker.create([topic], partitions=len(PARTITIONS))
    broker.create([told], partitions=1)
    ends = {(topic, partition): 3 * STEP for partition in PARTITIONS}
    special = {BAD: {"fails": "a"}} if path == "fast" else {}

    def send(step: int) -> None:
        broker.send({topic: [r for p in PARTITIONS for r in bodies(STEP, special, partition=p, first=step * STEP)]})

    send(0)
    first = start("isolated", path, label="a", environment=QUICK)
    first.noted("failed" if path == "fast" else "done", len(PARTITIONS))
    second = start("isolated", path, label="b", environment=QUICK)
    second.noted("assigned", 1)
    send(1)
    with first.log_on_failure():
        assert len({note["partition"] for note in second.noted("done", STEP + BAD)}) == len(PARTITIONS) // 2
    second.process.send(signal.SIGUSR2)
    assert second.process.wait(15.0) == 0

    broker.send({told: [Input(b"1")]})
    send(2)
    with first.log_on_failure():
        eventually(lambda: broker.committed(first.group_id).items() >= ends.items(), within=20.0)
    for partition in PARTITIONS:
        done = numbers(first, "done", partition) + numbers(second, "done", partition)
        assert sorted(done) == list(range(3 * STEP)), f"partition {partition}"
    assert first.stop() == 0
    for worker in (first, second):
        assert "AssertionError" not in worker.log
