"""A stop lets the record in hand end and commits it; of those behind it, none begins."""

import pytest

from tests.support.both_paths import Starter
from tests.support.both_paths_bodies import bodies, numbers
from tests.support.both_paths_broker import BrokerSide

pytestmark = pytest.mark.broker

COUNT, HELD = 50, 5


def test_stop_finishes_the_record_in_hand(path: str, start: Starter, broker: BrokerSide) -> None:
    topic = f"{start.prefix}-bodies"
    broker.create([topic])
    # Long enough for the stop to come meanwhile, and much shorter than the grace of a stop.
    broker.send({topic: bodies(COUNT, {HELD: {"hold": 5.0}})})
    worker = start("bodies", path)
    worker.noted("begun", HELD + 1)
    assert worker.stop() == 0
    assert numbers(worker, "done") == list(range(HELD + 1))
    assert numbers(worker, "begun") == list(range(HELD + 1))
    assert broker.committed(worker.group_id)[topic, 0] == HELD + 1

    successor = start("bodies", path, label="w2", seat="w")
    successor.noted("done", COUNT - HELD - 1)
    assert numbers(successor, "done") == list(range(HELD + 1, COUNT))
