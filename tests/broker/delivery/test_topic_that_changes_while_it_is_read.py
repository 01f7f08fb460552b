"""Records that retention takes away cost no others; a topic that is seen to be made anew is read from its beginning."""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

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
    eventually(lambda: broker.committed(worker.group_id).get((topic, 0)) == COUNT, within=20.0)
    seen = offsets(worker)
    assert seen == sorted(set(seen))
    assert len(seen) < COUNT, "the agent was too fast for this test"
    assert set(range(LEFT_FROM, COUNT)) <= set(seen)
    assert worker.out_of_range() == [(topic, 0, seen[seen.index(LEFT_FROM) - 1] + 1, "beginning")]
    assert worker.stop() == 0


def values(worker: PathWorker) -> list[str]:
    return [note["value"]["bytes"] for note in worker.notes("gaps")]


def numbered(word: str, numbers: Iterable[int]) -> list[str]:
    return [f"{word}-{n}" for n in numbers]


def start_on_old(path: str, start: Starter, broker: BrokerSide) -> tuple[PathWorker, str]:
    """A worker that has read and committed a topic of ten records, and has another topic beside it."""
    topic = f"{start.prefix}-gaps"
    broker.create([topic, f"{start.prefix}-beside"], partitions=1)
    broker.send({topic: [Input(value.encode()) for value in numbered("old", range(10))]})
    worker = start("beside", path, environment=QUICK)
    eventually(lambda: broker.committed(worker.group_id).get((topic, 0)) == 10, within=20.0)
    return worker, topic


CHANGED = "partitions of the group's topics changed"


def make_anew(broker: BrokerSide, topic: str, word: str, count: int, *, seen_by: PathWorker | None = None) -> None:
    """Delete a topic and make it again; not before a worker has seen that it is away, if one is to."""
    before = "" if seen_by is None else seen_by.log
    broker.delete(topic)
    if seen_by is not None:
        eventually(lambda: seen_by.log.count(CHANGED) > before.count(CHANGED), within=20.0)
    broker.create([topic], partitions=1)
    broker.send({topic: [Input(value.encode()) for value in numbered(word, range(count))]})


def test_topic_is_deleted_and_made_anew(path: str, start: Starter, broker: BrokerSide) -> None:
    """The worker sees that it is away, and joins again; the broker has forgotten what was committed of it."""
    worker, topic = start_on_old(path, start, broker)
    beside = f"{start.prefix}-beside"
    for word, count in (("shorter", 5), ("longer", 30)):
        make_anew(broker, topic, word, count, seen_by=worker)
        eventually(lambda count=count: broker.committed(worker.group_id).get((topic, 0)) == count, within=20.0)
    assert values(worker) == numbered("old", range(10)) + numbered("shorter", range(5)) + numbered("longer", range(30))
    assert worker.stop() == 0

    # Nothing of it is read twice.
    again = start("beside", path, label="w2", seat="w", environment=QUICK)
    broker.send({topic: [Input(b"more")]})
    eventually(lambda: values(again), within=20.0)
    assert values(again) == ["more"]

    # Where it stays away the worker goes on with the others.
    broker.delete(topic)
    eventually(lambda: CHANGED in again.log, within=20.0)
    broker.send({beside: [Input(b"x")]})
    eventually(lambda: broker.committed(worker.group_id).get((beside, 0)) == 1, within=20.0)
    assert again.stop() == 0


@contextmanager
def looking_away(worker: PathWorker) -> Iterator[None]:
    """Have a worker stand still, so that all it can see is what is there afterwards."""
    os.kill(worker.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker.process.pid, signal.SIGCONT)


def test_shorter_topic_in_the_place_of_another(start: Starter, broker: BrokerSide) -> None:
    """That the position is behind the end of the log tells that it is another one.

    Only on the fast path: Faust's reads it too, and commits nothing before the log is longer than the old one was.
    """
    worker, topic = start_on_old("fast", start, broker)
    with looking_away(worker):
        make_anew(broker, topic, "new", 5)
    eventually(lambda: broker.committed(worker.group_id).get((topic, 0)) == 5, within=20.0)
    assert values(worker) == numbered("old", range(10)) + numbered("new", range(5))
    assert worker.stop() == 0
    again = start("beside", "fast", label="w2", seat="w", environment=QUICK)
    broker.send({topic: [Input(b"more")]})
    eventually(lambda: values(again), within=20.0)
    assert values(again) == ["more"]
    assert again.stop() == 0


def test_longer_topic_in_the_place_of_another(path: str, start: Starter, broker: BrokerSide) -> None:
    """Nothing tells it from the old one, for a client that knows no topic ids: it is read from the position on."""
    worker, topic = start_on_old(path, start, broker)
    with looking_away(worker):
        make_anew(broker, topic, "new", 30)
    eventually(lambda: broker.committed(worker.group_id).get((topic, 0)) == 30, within=20.0)
    assert values(worker) == numbered("old", range(10)) + numbered("new", range(10, 30))
    assert worker.stop() == 0
