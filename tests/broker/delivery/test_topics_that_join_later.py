"""Topics that a running worker subscribes to, those of replies and of tasks, are read like the others."""

import pytest

from tests.support.both_paths import PATHS, Note, Starter
from tests.support.both_paths_broker import BrokerSide
from tests.support.both_paths_inputs import EACH, numbered

pytestmark = pytest.mark.broker


OPTIONS = {"BOTH_OPTIONS": '{"reply_create_topic": true}'}


def test_topics_that_join_later(start: Starter, broker: BrokerSide) -> None:
    """On both paths at once: Faust takes its time before it subscribes to more topics."""
    prefix = start.prefix
    inputs = {f"{prefix}-{name}": numbered() for name in ("bare-topic", "task-stream")}
    broker.create([*inputs, f"{prefix}-ask"])
    broker.send(inputs)
    workers = [start("latecomers", path, group_id=f"{prefix}-{path}", environment=OPTIONS) for path in PATHS]
    for worker in workers:
        for feature in ("bare-topic", "task-stream"):
            found = {(note["partition"], note["offset"]) for note in worker.noted(feature, 2 * EACH)}
            assert found == {(partition, n) for partition in range(2) for n in range(EACH)}, worker.path

    # Not before: Faust forgets a topic that is added during a rebalance.
    broker.send({f"{prefix}-ask": numbered(3, partitions=1)})
    for worker in workers:
        assert {note["value"] for note in worker.noted("answers", 3)} == {0, 2, 4}, worker.path
        assert {note["value"] for note in worker.noted("told", 6)} == {0, 1, 2, 100, 101, 102}, worker.path
        _assert_answers(worker.noted("ask", 3))
        if worker.path == "fast":
            # On Faust's own path it waits for a reply that nobody acknowledges.
            assert worker.stop() == 0


def _assert_answers(asked: list[Note]) -> None:
    assert [note["number"] for note in asked] == [0, 1, 2]
    assert [note["ask"] for note in asked] == [0, 2, 4]
    assert [note["map"] for note in asked] == [[0, 2], [2, 4], [4, 6]]
    assert [note["join"] for note in asked] == [[0, 14], [2, 14], [4, 14]]
    assert [note["kvjoin"] for note in asked] == [[0, 16], [2, 16], [4, 16]]
