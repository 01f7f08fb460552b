"""A record that does not decode, in a topic without a handler for that, costs none of its neighbours."""

import pytest

from framework.testing import eventually
from tests.support.both_paths import PATHS, Starter
from tests.support.both_paths_broker import BrokerSide, Input

pytestmark = pytest.mark.broker

BAD = (3, 4)


def test_undecodable_record_costs_no_neighbour(start: Starter, broker: BrokerSide) -> None:
    """On both paths at once: Faust takes some seconds to start an agent again."""
    prefix = start.prefix
    topic = f"{prefix}-throwing"
    broker.create([topic])
    broker.send({topic: tuple(Input(b"{no json" if n in BAD else b"%d" % n) for n in range(20))})
    quick = {"FRAMEWORK_COMMIT_INTERVAL": "0.1"}
    for worker in [start("throwing", path, group_id=f"{prefix}-{path}", environment=quick) for path in PATHS]:
        eventually(lambda worker=worker: broker.committed(worker.group_id).get((topic, 0)) == 20, within=20.0)
        values = sorted(note["value"] for note in worker.notes("throwing"))
        assert values == [n for n in range(20) if n not in BAD], worker.path
        if worker.path == "fast":
            told = [
                (line["topic"], line["partition"], line["offset"]) for line in worker.events("delivery.undecodable")
            ]
            assert told == [(topic, 0, n) for n in BAD]
        assert worker.log.count("ValueDecodeError") >= len(BAD), f"{worker.path}: nobody was told"
        assert worker.stop() == 0
