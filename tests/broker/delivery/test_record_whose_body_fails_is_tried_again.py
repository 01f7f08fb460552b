"""A record whose body fails is tried again, in its place; when it fails each time the worker stops and says why.

Only on the fast path: plain Faust acks the record, and loses it.
"""

import pytest

from framework.testing import eventually
from tests.support.both_paths import Starter
from tests.support.both_paths_bodies import bodies, numbers
from tests.support.both_paths_broker import BrokerSide

pytestmark = pytest.mark.broker

COUNT, BAD = 20, 7
QUICK = {"FRAMEWORK_COMMIT_INTERVAL": "0.1", "FRAMEWORK_AGENT_TRIES": "3"}


def test_record_that_fails_for_a_while_is_done_in_its_place(start: Starter, broker: BrokerSide) -> None:
    topic = f"{start.prefix}-bodies"
    broker.create([topic])
    broker.send({topic: (*bodies(COUNT, {BAD: {"fail": 2}}), *bodies(COUNT, partition=1))})
    worker = start("bodies", "fast", environment=QUICK)
    worker.noted("done", 2 * COUNT)
    eventually(lambda: broker.committed(worker.group_id)[topic, 0] == COUNT, within=5.0)

    assert numbers(worker, "done") == list(range(COUNT))
    assert numbers(worker, "done", partition=1) == list(range(COUNT))
    assert [numbers(worker, "begun").count(n) for n in (BAD, BAD + 1)] == [3, 1]
    assert worker.stop() == 0


def test_record_that_always_fails_stops_the_worker(start: Starter, broker: BrokerSide) -> None:
    topic = f"{start.prefix}-bodies"
    broker.create([topic])
    broker.send({topic: bodies(COUNT, {BAD: {"fail": 99, "only": "w"}})})
    worker = start("bodies", "fast", environment=QUICK)
    assert worker.process.wait(20.0) not in (0, None)

    assert numbers(worker, "begun").count(BAD) == 3
    assert broker.committed(worker.group_id).get((topic, 0), 0) == BAD
    reason = worker.log[-4000:]
    assert all(word in reason for word in ("bodies", f"{topic}[0]@{BAD}", "ValueError")), reason

    successor = start("bodies", "fast", label="w2", seat="w", environment=QUICK)
    successor.noted("done", COUNT - BAD)
    assert numbers(successor, "done") == list(range(BAD, COUNT))
    assert successor.stop() == 0


def test_record_that_always_fails_in_one_of_several_bodies(start: Starter, broker: BrokerSide) -> None:
    """Those beside it are finished, and none of them is lost."""
    topic = f"{start.prefix}-bodies"
    broker.create([topic])
    broker.send({topic: bodies(COUNT, {BAD: {"fail": 99, "only": "w"}})})
    worker = start("bodies", "fast", environment={**QUICK, "BOTH_BODIES": "4"})
    assert worker.process.wait(20.0) not in (0, None)
    assert broker.committed(worker.group_id).get((topic, 0), 0) <= BAD
    successor = start("bodies", "fast", label="w2", seat="w", environment={**QUICK, "BOTH_BODIES": "4"})
    eventually(lambda: broker.committed(worker.group_id)[topic, 0] == COUNT, within=20.0)
    assert set(numbers(worker, "done")) | set(numbers(successor, "done")) == set(range(COUNT))
