"""A record at which a list, a filter, a processor, a sink or a key for group_by fails comes again, and is never passed.

Only on the fast path: plain Faust acks the record, and loses it.
"""

import json

import pytest

from framework.testing import eventually
from tests.support.both_paths import PathWorker, Starter
from tests.support.both_paths_broker import BrokerSide, Input

pytestmark = pytest.mark.broker

KINDS = ("take", "filter", "processor", "sink", "group_by")
COUNT, BAD, LIST = 20, 7, 5


def records(fail: int) -> list[Input]:
    """Numbered ones of one partition, of which one fails so many times."""
    values = [{"n": n, **({"fail": fail} if n == BAD else {})} for n in range(COUNT)]
    return [Input(json.dumps(value).encode(), key=b"k") for value in values]


def begin(kind: str, label: str, start: Starter) -> PathWorker:
    environment = {"FRAMEWORK_COMMIT_INTERVAL": "0.1", "FRAMEWORK_AGENT_TRIES": "3", "BOTH_KIND": kind}
    return start("failing", "fast", label=label, seat="w", environment=environment)


def numbers(worker: PathWorker, feature: str) -> list[int]:
    return [note["n"] for note in worker.notes(feature)]


@pytest.mark.parametrize("kind", KINDS)
def test_is_done_when_it_fails_no_more(kind: str, start: Starter, broker: BrokerSide) -> None:
    topic = f"{start.prefix}-failing"
    broker.create([topic], partitions=1)
    broker.send({topic: records(fail=2)})
    worker = begin(kind, "w", start)
    with worker.log_on_failure():
        eventually(lambda: len(numbers(worker, "done")) >= COUNT, within=20.0)
        eventually(lambda: broker.committed(worker.group_id).get((topic, 0)) == COUNT, within=5.0)
        done = numbers(worker, "done")
        # Behind a group_by the keys are in several partitions.
        assert (sorted(done) if kind == "group_by" else done) == list(range(COUNT))
        assert numbers(worker, "tried").count(BAD) == 3
        assert worker.stop() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_ends_the_worker_when_it_always_fails(kind: str, start: Starter, broker: BrokerSide) -> None:
    topic = f"{start.prefix}-failing"
    broker.create([topic], partitions=1)
    broker.send({topic: records(fail=3)})
    worker = begin(kind, "a", start)
    with worker.log_on_failure():
        assert worker.process.wait(20.0) not in (0, None)
        assert numbers(worker, "tried").count(BAD) == 3
        first = BAD // LIST * LIST if kind == "take" else BAD
        assert broker.committed(worker.group_id).get((topic, 0), 0) == first
        reason = worker.log[-4000:]
        assert all(word in reason for word in ("failing", f"{topic}[0]@", "ValueError")), reason
