"""A record of ten megabytes is sent on where the producer may, and holds the commit where it may not."""

import json

import pytest

from framework.testing import eventually
from tests.support.both_paths import PATHS, Starter
from tests.support.both_paths_broker import BrokerSide, Input
from tests.support.both_paths_inputs import LARGE

pytestmark = pytest.mark.broker

WAYS = ("forward", "echo")
VALUES = (b"before", b"x" * LARGE, b"after", b"y" * LARGE)
TAKES_ALL = {"max.message.bytes": str(2 * LARGE)}
MAY = {"BOTH_OPTIONS": json.dumps({"producer_max_request_size": 16 * 1024 * 1024})}
QUICK = {"FRAMEWORK_COMMIT_INTERVAL": "0.1", "FRAMEWORK_AGENT_TRIES": "2"}


def prepare(start: Starter, broker: BrokerSide, groups: list[str]) -> str:
    source = f"{start.prefix}-large"
    copies = [f"{group}-large-{way}" for group in groups for way in WAYS]
    broker.create([source, *copies], partitions=1, configs=TAKES_ALL)
    broker.send({source: tuple(Input(value) for value in VALUES)})
    return source


def test_ten_megabytes_are_sent_on(start: Starter, broker: BrokerSide) -> None:
    groups = {path: f"{start.prefix}-{path}" for path in PATHS}
    source = prepare(start, broker, list(groups.values()))
    environment = {**QUICK, **MAY, "BOTH_WAYS": " ".join(WAYS)}
    workers = [
        start("large", path, group_id=group, label=path, environment=environment) for path, group in groups.items()
    ]
    for worker in workers:
        eventually(lambda worker=worker: broker.committed(worker.group_id).get((source, 0)) == len(VALUES), within=30.0)
        for way in WAYS:
            assert broker.values(f"{worker.group_id}-large-{way}") == list(VALUES)
        assert worker.stop() == 0


@pytest.mark.parametrize("way", WAYS)
def test_what_the_client_refuses_is_told_and_not_committed(way: str, start: Starter, broker: BrokerSide) -> None:
    """Only on the fast path: Faust commits, and the record is gone."""
    source = prepare(start, broker, [start.prefix])
    worker = start("large", "fast", environment={**QUICK, "BOTH_WAYS": way})
    assert worker.process.wait(20.0) not in (0, None)
    assert broker.committed(worker.group_id).get((source, 0), 0) == 1
    assert f"{source}[0]@1" in worker.log
    assert "MessageSizeTooLarge" in worker.log
    assert broker.values(f"{start.prefix}-large-{way}") == [VALUES[0]]
