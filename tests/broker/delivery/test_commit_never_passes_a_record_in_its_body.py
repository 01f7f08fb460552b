"""A commit never passes a record whose body has not ended, however many behind it have; so a kill loses nothing."""

import time

import pytest

from framework.testing import eventually
from tests.support.both_paths import Starter
from tests.support.both_paths_bodies import bodies, numbers
from tests.support.both_paths_broker import BrokerSide

pytestmark = pytest.mark.broker

COUNT, HELD = 200, 5
QUICK = {"BOTH_BODIES": "4", "FRAMEWORK_COMMIT_INTERVAL": "0.1", "FRAMEWORK_SESSION_TIMEOUT_MS": "6000"}


def test_commit_never_passes_a_record_in_its_body(path: str, start: Starter, broker: BrokerSide) -> None:
    topic = f"{start.prefix}-bodies"
    broker.create([topic])
    broker.send({topic: bodies(COUNT, {HELD: {"hold": 600, "only": "w"}})})
    worker = start("bodies", path, environment=QUICK)
    worker.noted("done", COUNT - 1)
    eventually(lambda: broker.committed(worker.group_id).get((topic, 0)) == HELD, within=5.0)
    # Five more commits, none of which goes further.
    end = time.monotonic() + 0.6
    while time.monotonic() < end:
        assert broker.committed(worker.group_id)[topic, 0] == HELD
    worker.kill()
    assert HELD not in numbers(worker, "done")

    successor = start("bodies", path, label="w2", seat="w", environment=QUICK)
    eventually(lambda: broker.committed(worker.group_id)[topic, 0] == COUNT, within=20.0)
    assert sorted(set(numbers(successor, "done"))) == list(range(HELD, COUNT))
    assert successor.stop() == 0


def test_commit_waits_for_all_agents_of_a_topic(path: str, start: Starter, broker: BrokerSide) -> None:
    topic = f"{start.prefix}-bodies"
    broker.create([topic])
    # Much longer than the second agent takes for everything, and than it takes to look.
    broker.send({topic: bodies(COUNT, {HELD: {"hold": 5.0}})})
    worker = start("bodies", path, environment={**QUICK, "BOTH_BODIES": "1", "BOTH_SECOND": "1"})
    worker.noted("second", COUNT)
    assert broker.committed(worker.group_id).get((topic, 0), 0) <= HELD
    assert HELD not in numbers(worker, "done"), "the hold was too short for this test"
    eventually(lambda: broker.committed(worker.group_id).get((topic, 0)) == COUNT, within=15.0)
    assert numbers(worker, "done") == numbers(worker, "second") == list(range(COUNT))
