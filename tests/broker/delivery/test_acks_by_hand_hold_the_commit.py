"""Where an agent acks by hand, the commit stays before the first record that it has not acked."""

import pytest

from framework.testing import eventually
from tests.support.both_paths import Starter
from tests.support.both_paths_broker import BrokerSide
from tests.support.both_paths_inputs import EACH, numbered

pytestmark = pytest.mark.broker


def test_acks_by_hand_hold_the_commit(path: str, start: Starter, broker: BrokerSide) -> None:
    prefix = start.prefix
    topics = {f"{prefix}-{name}": numbered() for name in ("noack", "noack-take")}
    broker.create(topics)
    broker.send(topics)
    worker = start("by_hand", path, environment={"FRAMEWORK_COMMIT_INTERVAL": "0.1"})
    for feature in ("noack", "noack-take"):
        notes = worker.noted(feature, 2 * EACH)
        assert sorted((note["partition"], note["offset"]) for note in notes) == [
            (partition, n) for partition in range(2) for n in range(EACH)
        ]
    expected = {(f"{prefix}-noack", p): 6 for p in range(2)} | {(f"{prefix}-noack-take", p): 8 for p in range(2)}
    eventually(lambda: broker.committed(worker.group_id).items() >= expected.items(), within=5.0)
