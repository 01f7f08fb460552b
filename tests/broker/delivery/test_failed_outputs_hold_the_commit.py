"""What the broker refuses holds the commit of what it was made from, unless the agent has looked."""

import json

import pytest

from framework.testing import eventually
from tests.support.both_paths import PathWorker, Starter
from tests.support.both_paths_bodies import bodies
from tests.support.both_paths_broker import BrokerSide

pytestmark = pytest.mark.broker

COUNT, BAD = 12, 7
SMALLEST = {"max.message.bytes": "1000"}
QUICK = {"FRAMEWORK_COMMIT_INTERVAL": "0.1"}
LATE = {"FRAMEWORK_COMMIT_INTERVAL": "60"}


def prepare(start: Starter, broker: BrokerSide, source: str) -> tuple[str, str]:
    """Make source and output, and fill the source: the copy of one record is too large."""
    topics = f"{start.prefix}-{source}", f"{start.prefix}-refused-copies"
    other = {"unawaited", "awaited"} - {source}
    broker.create([topics[0], *(f"{start.prefix}-{name}" for name in other)])
    broker.create([topics[1]], configs=SMALLEST)
    broker.send({topics[0]: bodies(COUNT, {BAD: {"pad": 2000}})})
    return topics


def copied(broker: BrokerSide, topic: str) -> set[int]:
    return {json.loads(record.value)["n"] for record in broker.read(topic)}


def successor_does_the_rest(worker: PathWorker, start: Starter, broker: BrokerSide, source: str, copies: str) -> None:
    """Its limit raised, the topic takes everything; what was finished and not sent is done again."""
    broker.configure(copies, {"max.message.bytes": "1000000"})
    successor = start("refused", "fast", label="w2", seat="w", environment=QUICK)
    eventually(lambda: broker.committed(worker.group_id).get((source, 0)) == COUNT, within=20.0)
    assert BAD in {note["n"] for note in successor.notes("sent")}
    assert copied(broker, copies) == set(range(COUNT))


def test_output_that_nobody_awaits_ends_the_worker(start: Starter, broker: BrokerSide) -> None:
    """Only on the fast path: Faust commits, and the record is gone."""
    source, copies = prepare(start, broker, "unawaited")
    worker = start("refused", "fast", environment=QUICK)
    assert worker.process.wait(20.0) not in (0, None)
    assert broker.committed(worker.group_id).get((source, 0), 0) <= BAD
    assert f"of the records for {copies}[0] could not be sent" in worker.log
    assert "MessageSizeTooLarge" in worker.log
    successor_does_the_rest(worker, start, broker, source, copies)


def test_output_that_is_refused_at_the_stop_holds_the_last_commit(start: Starter, broker: BrokerSide) -> None:
    """Only on the fast path, as above; nothing is committed before the stop."""
    source, _ = prepare(start, broker, "unawaited")
    worker = start("refused", "fast", environment=LATE)
    worker.noted("sent", COUNT)
    assert worker.stop() != 0
    assert broker.committed(worker.group_id).get((source, 0), 0) <= BAD


def test_output_whose_failure_the_agent_knows_of_is_its_own_affair(
    path: str, start: Starter, broker: BrokerSide
) -> None:
    source, copies = prepare(start, broker, "awaited")
    worker = start("refused", path, environment=QUICK)
    eventually(lambda: broker.committed(worker.group_id).get((source, 0)) == COUNT, within=20.0)
    assert [(note["n"], note["error"]) for note in worker.notes("caught")] == [(BAD, "MessageSizeTooLargeError")]
    assert copied(broker, copies) == set(range(COUNT)) - {BAD}
    assert worker.stop() == 0
