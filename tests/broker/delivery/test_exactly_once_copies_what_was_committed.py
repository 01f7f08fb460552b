"""With Faust's `processing_guarantee="exactly_once"` what was committed comes out once, and a table has it once."""

import json
import time

import pytest

from framework.testing import eventually
from tests.support.both_paths import Starter
from tests.support.both_paths_bodies import bodies
from tests.support.both_paths_broker import BrokerSide, Position, Transaction
from tests.support.both_paths_log import not_fast

pytestmark = pytest.mark.broker

COUNT = 100

WHY = {"fast": "processing_guarantee is exactly_once", "faust": "FRAMEWORK_FAST_DELIVERY is false"}

OPTIONS = {
    "BOTH_OPTIONS": json.dumps({"processing_guarantee": "exactly_once"}),
    "FRAMEWORK_COMMIT_INTERVAL": "0.2",
}


def test_exactly_once_copies_what_was_committed(path: str, start: Starter, broker: BrokerSide) -> None:
    prefix = start.prefix
    source, copies = f"{prefix}-bodies", f"{prefix}-copies"
    broker.create([source, copies])
    send = {n: {"send": True} for n in range(60)}
    broker.send_transactions(
        source,
        [
            Transaction(bodies(20, send)),
            Transaction(bodies(20, send, first=20), is_committed=False),
            Transaction(bodies(20, send, first=40)),
        ],
    )
    worker = start("bodies", path, environment=OPTIONS)
    worker.noted("done", 40)
    eventually(lambda: broker.committed(worker.group_id).get((source, 0), 0) >= 62, within=10.0)
    copied = [json.loads(record.value) for record in broker.read(copies, only_committed=True)]
    assert sorted(copied) == [*range(20), *range(40, 60)]
    assert list(not_fast(worker.log).values()) == [1]
    assert WHY[path] in worker.log
    assert worker.stop() == 0


def test_killed_worker_counts_each_record_once(start: Starter, broker: BrokerSide) -> None:
    """It is killed with work that is done and not committed; the changes of the table by that are undone.

    What agents send is not looked at: Faust sends it outside of the transaction where no agent reads that topic.
    """
    source = f"{start.prefix}-exact"
    broker.create([source])
    slowly = {n: {"hold": 0.01} for n in range(COUNT)}
    broker.send({source: [record for p in range(2) for record in bodies(COUNT, slowly, partition=p)]})
    worker = start("exact", "fast", environment=OPTIONS)
    eventually(lambda: sum(broker.committed(worker.group_id).values()), within=20.0)
    worker.kill()
    committed = settled(broker, worker.group_id)
    assert sum(committed.values()) < len(worker.notes("done")), "nothing is to be undone"

    successor = start("exact", "fast", label="w2", seat="w", environment=OPTIONS)
    whole = {(source, 0): COUNT, (source, 1): COUNT}
    eventually(lambda: broker.committed(worker.group_id).items() >= whole.items(), within=30.0)
    assert [
        (note["n"], note["count"]) for p in range(2) for note in successor.notes("done") if note["partition"] == p
    ] == [(n, n + 1) for p in range(2) for n in range(committed.get((source, p), 0), COUNT)]
    assert successor.stop() == 0


def settled(broker: BrokerSide, group_id: str) -> dict[Position, int]:
    """What is committed when the last request of a killed worker has been done: that may be a moment after its end."""

    def twice_the_same() -> dict[Position, int] | None:
        before = broker.committed(group_id)
        time.sleep(0.3)
        return before if broker.committed(group_id) == before else None

    return eventually(twice_the_same)
