"""An app may go from one path of delivery to the other and back: both understand its tables, changelogs and commits."""

import json
from pathlib import Path

import pytest

from framework.testing import eventually
from tests.support.both_paths import PathWorker, Starter
from tests.support.both_paths_broker import BrokerSide
from tests.support.both_paths_bulk import write

pytestmark = pytest.mark.broker

STEP, KEYS = 300, 20


def record(partition: int, number: int) -> tuple[bytes, bytes]:
    """A number under one of some keys; a key is always in the same partition."""
    return b"k%d-%d" % (number % KEYS, partition), json.dumps({"n": number}).encode()


def totals(count: int) -> dict[str, int]:
    """What each table must hold after so many records a partition."""
    return {f"k{n}-{partition}": sum(range(n, count, KEYS)) for n in range(KEYS) for partition in range(2)}


def test_path_can_be_changed_at_a_restart(start: Starter, broker: BrokerSide, tmp_path: Path) -> None:
    topic = f"{start.prefix}-changing"
    broker.create([topic])
    done = 0
    for number, path in enumerate(("faust", "fast", "faust")):
        worker = start("changing", path, label=f"w{number}", seat="w")
        done = go_on(worker, broker, topic, done)
        done = break_off(worker, broker, topic, done)

    # What is in the changelogs, alone: the databases are gone.
    worker = start("changing", "fast", label="w3", seat="w", environment={"FRAMEWORK_DATADIR": str(tmp_path / "anew")})
    go_on(worker, broker, topic, done)
    assert worker.stop() == 0


def go_on(worker: PathWorker, broker: BrokerSide, topic: str, done: int) -> int:
    """Have a worker come to the totals that the one before should have had, and to the next ones."""
    with worker.log_on_failure():
        eventually(lambda: holds(worker, done), within=20.0)
        write(broker, [topic], range(done, done + STEP), record)
        eventually(lambda: set(broker.committed(worker.group_id).values()) == {done + STEP}, within=20.0)
        assert holds(worker, done + STEP)
    return done + STEP


def break_off(worker: PathWorker, broker: BrokerSide, topic: str, done: int) -> int:
    """Kill it when it has changed its tables by further records; what it has not committed comes again."""
    write(broker, [topic], range(done, done + STEP), record)
    eventually(lambda: sum(worker.page("/totals/")["memory"].values()) > sum(totals(done).values()), within=20.0)
    worker.kill()
    return done + STEP


def holds(worker: PathWorker, count: int) -> bool:
    """Whether both tables hold the sums after so many records a partition."""
    told, expected = worker.page("/totals/"), totals(count) if count else {}
    assert told["is_fast"] is (worker.path == "fast")
    return bool(told["memory"] == told["disk"] == expected)
