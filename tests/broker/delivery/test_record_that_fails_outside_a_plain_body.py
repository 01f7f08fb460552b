"""A record at which a list, a filter, a processor, a sink or a key for group_by fails comes again, and is never passed.

Only on the fast path: plain Faust acks the record, and loses it.
"""

import json

import pytest

from tests.support.both_paths import PathWorker, Starter
from tests.support.both_paths_broker import BrokerSide, Input

pytestmark = pytest.mark.broker

KINDS = ("take", "filter", "processor", "sink", "group_by")
COUNT, FOR_A_WHILE, ALWAYS, LIST = 20, 7, 17, 5
TRIES = 3


def records() -> list[Input]:
    """Numbered ones of one partition, of which one fails for a while, and a later one always."""
    failures = {FOR_A_WHILE: {"fail": TRIES - 1}, ALWAYS: {"fail": 99}}
    values = [{"n": n, **failures.get(n, {})} for n in range(COUNT)]
    return [Input(json.dumps(value).encode(), key=b"k") for value in values]


def numbers(worker: PathWorker, feature: str) -> list[int]:
    return [note["n"] for note in worker.notes(feature)]


@pytest.mark.parametrize("kind", KINDS)
def test_record_comes_again_and_is_never_passed(kind: str, start: Starter, broker: BrokerSide) -> None:
    """One is done when it fails no more; one that always fails ends the worker, which says where."""
    topic = f"{start.prefix}-failing"
    broker.create([topic], partitions=1)
    broker.send({topic: records()})
    environment = {"FRAMEWORK_COMMIT_INTERVAL": "0.1", "FRAMEWORK_AGENT_TRIES": str(TRIES), "BOTH_KIND": kind}
    worker = start("failing", "fast", environment=environment)
    with worker.log_on_failure():
        assert worker.process.wait(20.0) not in (0, None)
        first = ALWAYS // LIST * LIST if kind == "take" else ALWAYS
        done = numbers(worker, "done")
        # Behind a group_by the keys are in several partitions, and the last may not have come back yet.
        assert set(done) <= set(range(first)) if kind == "group_by" else done == list(range(first))
        assert [numbers(worker, "tried").count(n) for n in (FOR_A_WHILE, ALWAYS)] == [TRIES, TRIES]
        assert broker.committed(worker.group_id).get((topic, 0), 0) == first
        reason = worker.log[-4000:]
        assert all(word in reason for word in ("failing", f"{topic}[0]@", "ValueError")), reason
