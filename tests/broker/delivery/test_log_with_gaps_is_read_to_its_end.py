"""Of a log with gaps what is there is read, in order and once; they hold no commit up, at the log's end neither."""

import pytest

from framework.testing import eventually
from tests.support.both_paths import PathWorker, Starter
from tests.support.both_paths_broker import BrokerSide, Input, Transaction

pytestmark = pytest.mark.broker

QUICK = {"FRAMEWORK_COMMIT_INTERVAL": "0.1"}

COMPACTED = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.01",
    # Only what is in a segment that has been closed is compacted: each batch that is sent later closes one.
    "segment.ms": "1",
}

BATCHES = (
    tuple("hot" if n % 2 else f"only-{n}" for n in range(20)),  # a gap behind each record
    ("hot", "end"),  # nothing is left of this one
    ("hot", "end"),
    ("last",),
)

LEFT = [*range(0, 20, 2), 22, 23, 24]
"""Offsets of the last record of each key."""

END = 25

IN_TRANSACTIONS = (Transaction((Input(b"t-0"), Input(b"t-1"))), Transaction((Input(b"t-2"),), is_committed=False))
"""Offsets 0, 1 and 3; behind each transaction its marker, which is no record, and the last in the log."""


def make(broker: BrokerSide, topic: str) -> None:
    """Fill a topic, and wait until the broker has compacted it."""
    broker.create([topic], partitions=1, configs=COMPACTED)
    for keys in BATCHES:
        broker.send({topic: [Input(b"of %s" % key.encode(), key=key.encode()) for key in keys]})
    eventually(lambda: [record.offset for record in broker.read(topic)] == LEFT, within=30.0, every=0.2)


def offsets(worker: PathWorker) -> list[int]:
    return [note["offset"] for note in worker.notes("gaps")]


def test_gaps(path: str, start_on_disk: Starter, disk_broker: BrokerSide) -> None:
    start, broker = start_on_disk, disk_broker
    compacted, marked = places = [(f"{start.prefix}-{name}", 0) for name in ("gaps", "beside")]
    broker.create([marked[0]], partitions=1)
    broker.send_transactions(marked[0], IN_TRANSACTIONS)
    make(broker, compacted[0])
    worker = start("beside", path, environment=QUICK)

    def committed() -> list[int | None]:
        found = broker.committed(worker.group_id)
        return [found.get(place) for place in places]

    # Behind the last record or behind the marker.
    eventually(lambda: committed() in ([END, 4], [END, 5]), within=20.0)
    assert offsets(worker) == LEFT
    assert [note["offset"] for note in worker.notes("beside")] == [0, 3]
    assert worker.stop() == 0

    again = start("beside", path, label="w2", seat="w", environment=QUICK)
    broker.send({topic: [Input(b"more", key=b"more")] for topic, _ in places})
    eventually(lambda: committed() == [END + 1, 6], within=20.0)
    assert offsets(again) == [END]
    assert [note["offset"] for note in again.notes("beside")] == [5]
    assert again.stop() == 0
