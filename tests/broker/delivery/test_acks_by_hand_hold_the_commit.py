"""Where an agent acks by hand, the commit stays before the first record that it has not acked."""

import pytest

from framework.testing import eventually
from tests.support.both_paths import Starter
from tests.support.both_paths_broker import BrokerSide
from tests.support.both_paths_inputs import EACH, numbered

pytestmark = pytest.mark.broker

HELD = 4
"""Offset of the record that the app keeps."""


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


def test_acks_from_threads_and_of_who_keeps_a_message(path: str, start: Starter, broker: BrokerSide) -> None:
    """The commit stays before the one record that somebody keeps, and goes on to the end when it is acked."""
    prefix = start.prefix
    topics = {f"{prefix}-{name}": numbered() for name in ("in-threads", "one-more")}
    broker.create([*topics, f"{prefix}-let-go"])
    broker.send(topics)
    worker = start("kept", path, environment={"FRAMEWORK_COMMIT_INTERVAL": "0.1"})
    for feature in ("in-threads", "one-more"):
        assert len(worker.noted(feature, 2 * EACH)) == 2 * EACH
    places = [(topic, partition) for topic in topics for partition in range(2)]

    def committed() -> list[int | None]:
        found = broker.committed(worker.group_id)
        return [found.get(place) for place in places]

    eventually(lambda: committed() == [HELD] * 4)
    broker.send({f"{prefix}-let-go": numbered(1, partitions=1)})
    eventually(lambda: committed() == [EACH] * 4)
    assert worker.stop() == 0
