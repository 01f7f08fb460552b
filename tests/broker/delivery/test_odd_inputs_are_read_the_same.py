"""Compressed batches, times that the broker has set, and joins of the app's own are the same on both paths."""

from collections.abc import Mapping

import pytest

from framework.testing import eventually
from tests.support.both_paths import PATHS, PathWorker, Starter, by_partition
from tests.support.both_paths_broker import BrokerSide
from tests.support.both_paths_inputs import EACH, numbered
from tests.support.codecs import CODECS

pytestmark = pytest.mark.broker

LOG_APPEND_TIME = 1
JOINED = ("joined", "joined-clone")


@pytest.fixture
def workers(start: Starter, broker: BrokerSide) -> Mapping[str, PathWorker]:
    """A worker a path that has done everything."""
    prefix = start.prefix
    inputs = [f"in-{codec}" for codec in CODECS]
    # The broker writes each batch anew where the topic says how.
    for codec in CODECS:
        broker.create([f"{prefix}-in-{codec}"], configs={"compression.type": codec})
    broker.create([f"{prefix}-appended"], configs={"message.timestamp.type": "LogAppendTime"})
    broker.create([f"{prefix}-{name}" for name in JOINED], partitions=1)
    broker.send({f"{prefix}-{name}": numbered() for name in (*inputs, "appended")})
    # In one partition, so that there is one order.
    broker.send({f"{prefix}-{name}": numbered(partitions=1) for name in JOINED})
    environment = {"BOTH_CODECS": " ".join(CODECS), "FRAMEWORK_COMMIT_INTERVAL": "0.1"}
    started = {
        path: start("odd", path, group_id=f"{prefix}-{path}", label=path, environment=environment) for path in PATHS
    }
    whole = dict.fromkeys(broker.ends(f"{prefix}-{name}" for name in (*inputs, "appended", *JOINED)), EACH)
    for worker in started.values():
        eventually(lambda worker=worker: broker.committed(worker.group_id).items() >= whole.items(), within=20.0)
    return started


def test_odd_inputs_are_read_the_same(workers: Mapping[str, PathWorker]) -> None:
    fast, faust = (workers[path] for path in PATHS)
    for name in (*(f"in-{codec}" for codec in CODECS), "appended", *JOINED):
        seen = by_partition(faust.notes(name))
        assert by_partition(fast.notes(name)) == seen
        assert len(seen) == EACH if name in JOINED else 2 * EACH, name
    appended = faust.notes("appended")
    assert {note["timestamp_type"] for note in appended} == {LOG_APPEND_TIME}
    assert [note["value"][0] and note["value"][0]["n"] for note in faust.notes("joined")] == [None, *range(EACH - 1)]
