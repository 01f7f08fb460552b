"""While one of three brokers dies and comes back, each record is sent on, and a key's records in their order."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from framework.localkafka import LocalKafka
from framework.testing import eventually, require_kafka
from tests.support.both_paths import Starter
from tests.support.both_paths_broker import BrokerSide, Input

pytestmark = pytest.mark.broker

PARTITIONS, COUNT = 3, 2000


@pytest.fixture
def kafka() -> Iterator[LocalKafka]:
    require_kafka()
    with LocalKafka.start(nodes=3) as kafka:
        yield kafka


def committed(kafka: LocalKafka) -> int:
    """How many records are done; asked anew each time, since an admin client remembers the coordinator."""
    with BrokerSide(kafka.bootstrap_servers) as broker:
        return sum(broker.committed("outlives").values())


def test_forwarding_outlives_a_broker(kafka: LocalKafka, tmp_path: Path) -> None:
    """The broker dies while records are on their way, and is back while they still come.

    A batch may come twice: its first request was answered to nobody. Never does one overtake another.
    """
    start = Starter("outlives", kafka.bootstrap_servers, tmp_path)
    source, copies = "outlives-bulk", "outlives-bulk-copies"
    with BrokerSide(kafka.bootstrap_servers) as broker:
        broker.create([source, copies], partitions=PARTITIONS, replication=3)
        broker.send({source: [Input(b"%d" % n, b"key-%d" % p, p) for n in range(COUNT) for p in range(PARTITIONS)]})
        worker = start("bulk", "fast", environment={"FRAMEWORK_COMMIT_INTERVAL": "0.2", "BOTH_PAUSE": "0.01"})
        try:
            eventually(lambda: committed(kafka) > 0, within=30.0, every=0.2)
            kafka.kill(2)
            kafka.restart(2)
            eventually(lambda: committed(kafka) == PARTITIONS * COUNT, within=40.0, every=0.2)
            assert worker.stop() == 0
        finally:
            worker.discard()
        found: dict[bytes, list[int]] = defaultdict(list)
        for record in broker.read(copies):
            found[record.key].append(int(record.value))
    assert len(found) == PARTITIONS
    for key, of_key in found.items():
        assert list(dict.fromkeys(of_key)) == list(range(COUNT)), key
