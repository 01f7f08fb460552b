"""With Faust's `processing_guarantee="exactly_once"` what was committed comes out once, whichever path it goes."""

import json

import pytest

from framework.testing import eventually
from tests.support.both_paths import Starter
from tests.support.both_paths_bodies import bodies
from tests.support.both_paths_broker import BrokerSide, Transaction

pytestmark = pytest.mark.broker

OPTIONS = {
    "BOTH_OPTIONS": json.dumps({"processing_guarantee": "exactly_once"}),
    "FRAMEWORK_COMMIT_INTERVAL": "0.2",
}


def test_exactly_once_copies_what_was_committed(path: str, start: Starter, broker: BrokerSide) -> None:
    prefix = start.prefix
    source, copies = f"{prefix}-bodies", f"{prefix}-copies"
    broker.create([source, copies])
    send = {n: {"send": True} for n in range(60)}
    broker.send_transactions(
        source,
        [
            Transaction(bodies(20, send)),
            Transaction(bodies(20, send, first=20), is_committed=False),
            Transaction(bodies(20, send, first=40)),
        ],
    )
    worker = start("bodies", path, environment=OPTIONS)
    worker.noted("done", 40)
    eventually(lambda: broker.committed(worker.group_id).get((source, 0), 0) >= 62, within=10.0)
    copied = [json.loads(record.value) for record in broker.read(copies, only_committed=True)]
    assert sorted(copied) == [*range(20), *range(40, 60)]
    assert worker.stop() == 0
