"""Records that retention takes away cost no others; a topic that is made anew is read from its beginning."""

import pytest

from framework.testing import eventually
from tests.support.both_paths import PathWorker, Starter
from tests.support.both_paths_broker import BrokerSide, Input

pytestmark = pytest.mark.broker

QUICK = {"FRAMEWORK_COMMIT_INTERVAL": "0.1"}
COUNT, LEFT_FROM = 200, 180
LARGE = b"x" * 100_000


def offsets(worker: PathWorker) -> list[int]:
    return [note["offset"] for note in worker.notes("gaps")]


def test_retention_overtakes_a_slow_agent(path: str, start: Starter, broker: BrokerSide) -> None:
    topic = f"{start.prefix}-gaps"
    broker.create([topic], partitions=1)
    broker.send({topic: [Input(b"hold" if n == 0 else LARGE) for n in range(COUNT)]})
    # Little room for records that wait, so that most are still with the broker when it forgets them.
    worker = start("gaps", path, environment={**QUICK, "FRAMEWORK_MAX_IN_FLIGHT": "2"})
    worker.noted("gaps", 1)
    broker.drop_before(topic, 0, LEFT_FROM)
    eventually(lambda: broker.committed(worker.group_id).get((topic, 0)) == COUNT, within=15.0)
    seen = offsets(worker)
    assert seen == sorted(set(seen))
    assert len(seen) < COUNT, "the agent was too fast for this test"
    assert set(range(LEFT_FROM, COUNT)) <= set(seen)
    assert worker.stop() == 0


def test_topic_is_deleted_and_made_anew(path: str, start: Starter, broker: BrokerSide) -> None:
    topic = f"{start.prefix}-gaps"
    broker.create([topic], partitions=1)
    broker.send({topic: [Input(b"old-%d" % n) for n in range(10)]})
    worker = start("gaps", path, environment=QUICK)
    eventually(lambda: broker.committed(worker.group_id).get((topic, 0)) == 10, within=15.0)
    broker.delete(topic)
    broker.create([topic], partitions=1)
    broker.send({topic: [Input(b"new-%d" % n) for n in range(5)]})

    def new() -> list[str]:
        values = [note["value"]["bytes"] for note in worker.notes("gaps")]
        return sorted({value for value in values if value.startswith("new")})

    eventually(lambda: new() == [f"new-{n}" for n in range(5)], within=20.0)
    assert worker.process.exit_code is None
