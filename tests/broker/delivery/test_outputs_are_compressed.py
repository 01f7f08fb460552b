"""What a worker compresses is read back as it was sent."""

import json

import pytest

from framework.testing import eventually
from tests.support.both_paths import Starter
from tests.support.both_paths_broker import BrokerSide, Input
from tests.support.codecs import CODECS

pytestmark = pytest.mark.broker

COUNT = 3000
"""Records; what is sent of them are several batches, of the size that clients make."""


@pytest.mark.parametrize("codec", CODECS)
def test_outputs_are_compressed(codec: str, path: str, start: Starter, broker: BrokerSide) -> None:
    source, copies = (f"{start.prefix}-{name}" for name in ("bulk", "bulk-copies"))
    broker.create([source, copies], partitions=1)
    values = [json.dumps({"n": n, "pad": "x" * 100}).encode() for n in range(COUNT)]
    broker.send({source: [Input(value, key=b"k", headers=(("h", b"1"),)) for value in values]})
    options = {"BOTH_OPTIONS": json.dumps({"producer_compression_type": codec}), "FRAMEWORK_COMMIT_INTERVAL": "0.1"}
    worker = start("bulk", path, environment=options)
    eventually(lambda: broker.committed(worker.group_id).get((source, 0)) == COUNT, within=20.0)
    records = broker.read(copies)
    assert [record.value for record in records] == values
    assert {(record.key, tuple(record.headers)) for record in records} == {(b"k", (("h", b"1"),))}
    # How much smaller depends on the batches: Faust's own path has records that are one alone.
    assert 0 < broker.size(copies) < broker.size(source) / 2
