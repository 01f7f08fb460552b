"""Where a group has no offset, or one that the log does not have, `consumer_auto_offset_reset` says what is read."""

import json
from dataclasses import replace

import pytest

from framework.testing import eventually
from tests.support.both_paths import PathWorker, Starter
from tests.support.both_paths_bodies import bodies, numbers
from tests.support.both_paths_broker import BrokerSide, Input

pytestmark = pytest.mark.broker

COUNT = 10
BEYOND = 500
OLD = [Input(b"old-%d" % n) for n in range(COUNT)]


def resetting(to: str, commit_interval: float = 0.1) -> dict[str, str]:
    options = json.dumps({"consumer_auto_offset_reset": to})
    return {"BOTH_OPTIONS": options, "FRAMEWORK_COMMIT_INTERVAL": str(commit_interval)}


def offsets(worker: PathWorker, partition: int = 0) -> list[int]:
    return [note["offset"] for note in worker.notes("gaps") if note["partition"] == partition]


@pytest.mark.parametrize("committed", [None, BEYOND], ids=["never-committed", "out-of-range"])
def test_none_ends_the_worker(path: str, committed: int | None, start: Starter, broker: BrokerSide) -> None:
    """It says of which partition, and commits nothing."""
    topic = f"{start.prefix}-gaps"
    # Faust subscribes to a topic of its own, and never commits anything of it: the worker would end because of that.
    leader = f"{start.prefix}-__assignor-__leader"
    broker.create([topic, leader], partitions=1)
    broker.send({topic: OLD})
    broker.commit(start.prefix, {(leader, 0): 0})
    if committed:
        broker.commit(start.prefix, {(topic, 0): committed})
    worker = start("gaps", path, environment=resetting("none"))
    assert worker.process.wait(20.0) not in (0, None)
    assert offsets(worker) == []
    reason = worker.log[-6000:]
    assert topic in reason, reason
    assert ("NoOffset" if committed is None else "OffsetOutOfRange") in reason, reason
    assert broker.committed(worker.group_id).get((topic, 0)) == committed


def test_latest_reads_what_comes_from_now_on(path: str, start: Starter, broker: BrokerSide) -> None:
    """Nothing was ever committed of one partition; what was committed of the other is not in its log."""
    topic = f"{start.prefix}-gaps"
    broker.create([topic])
    broker.send({topic: [*OLD, *(replace(each, partition=1) for each in OLD)]})
    broker.commit(start.prefix, {(topic, 1): BEYOND})
    worker = start("gaps", path, environment=resetting("latest"))
    for partition in range(2):
        _reads_from_now_on(worker, broker, topic, partition)
    assert worker.out_of_range() == [(topic, 1, BEYOND, "end")]
    assert worker.stop() == 0


def _reads_from_now_on(worker: PathWorker, broker: BrokerSide, topic: str, partition: int) -> None:
    def send(count: int) -> None:
        broker.send({topic: [Input(b"new", partition=partition)] * count})

    def first() -> int:
        """Send until something arrives: nobody can see from outside when the position has been set."""
        send(1)
        return offsets(worker, partition)[0]

    begun_at = eventually(first, within=20.0, every=0.2)
    assert begun_at >= COUNT
    send(COUNT)
    end = broker.ends([topic])[topic, partition]
    eventually(lambda: offsets(worker, partition)[-1] == end - 1)
    assert offsets(worker, partition) == list(range(begun_at, end))
    if worker.path == "fast":
        # Faust's commits nothing before the log is as long as what was committed says.
        eventually(lambda: broker.committed(worker.group_id).get((topic, partition)) == end)


def test_latest_and_a_rebalance_before_the_first_commit(path: str, start: Starter, broker: BrokerSide) -> None:
    """What was begun is committed before its partition goes elsewhere, so that the new owner need not guess."""
    topic = f"{start.prefix}-bodies"
    broker.create([topic])
    environment = resetting("latest", commit_interval=60.0)
    first = start("bodies", path, label="a", environment=environment)
    sent = {0: 0, 1: 0}

    def begun(partition: int) -> bool:
        broker.send({topic: bodies(1, partition=partition, first=sent[partition])})
        sent[partition] += 1
        return bool(numbers(first, "done", partition))

    for partition in sent:
        eventually(lambda partition=partition: begun(partition), within=20.0, every=0.2)
    assert broker.committed(first.group_id) == {}
    # The first worker alone would need 18 s: the second one is there long before. What it takes over it does at once.
    slow = {n: {"hold": 0.03, "only": "a"} for n in range(1000)}
    broker.send({topic: [each for p in sent for each in bodies(300, slow, partition=p, first=sent[p])]})
    second = start("bodies", path, label="b", environment=environment)
    workers = (first, second)

    def seen(partition: int) -> set[int]:
        return {n for worker in workers for n in numbers(worker, "done", partition)}

    wanted = {p: set(range(min(numbers(first, "done", p)), sent[p] + 300)) for p in sent}
    eventually(lambda: all(seen(p) == wanted[p] for p in sent), within=30.0)
    assert numbers(second, "done", 0) or numbers(second, "done", 1), "nothing has moved"
    assert [worker.stop() for worker in workers] == [0, 0]
