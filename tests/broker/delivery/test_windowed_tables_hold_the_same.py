"""Tables with windows have the same values on both paths: in the body, in their changelogs, and as they close."""

import json
import time
from typing import Any

import pytest

from tests.support.both_paths import PATHS, PathWorker, Starter, by_partition
from tests.support.both_paths_broker import BrokerSide, Input

pytestmark = pytest.mark.broker

EACH = 12
OPTIONS = {
    "BOTH_OPTIONS": json.dumps({"table_cleanup_interval": 0.5}),
    "FRAMEWORK_COMMIT_INTERVAL": "0.1",
}
TABLES = (
    *("by-field", "by-clock", "indexed", "indexed-key_index", "closing"),
    *("windows-on-disk", "windows-on-disk-key_index", "models", "model-windows", "everywhere"),
)
HOUR = 3600


def readings() -> list[Input]:
    """Records of an hour ago, half a window apart, whose fields say that they were measured another hour before."""
    base = int(time.time() - HOUR) // 100 * 100
    return [
        Input(
            json.dumps({"n": n, "at": base - HOUR + n * 5.0}).encode(),
            key=b"k%d-%d" % (n % 3, partition),
            partition=partition,
            timestamp=(base + n * 5) * 1000,
        )
        for n in range(EACH)
        for partition in range(2)
    ]


def closing() -> list[Input]:
    """Records in a window that begins in a moment, so that all of them are in before it is too old."""
    at = (int(time.time()) + 2) * 1000
    return [Input(b'{"n": %d}' % n, key=b"k%d" % (n % 3), timestamp=at + n) for n in range(EACH)]


def changelog(broker: BrokerSide, worker: PathWorker, table: str) -> dict[Any, bytes]:
    """`{(partition, key): last value}`, without what was deleted."""
    records = broker.read(f"{worker.group_id}-{table}-changelog")
    last = {(record.partition, record.key): record.value for record in records}
    return {key: value for key, value in last.items() if value is not None}


def test_windowed_tables(start: Starter, broker: BrokerSide) -> None:
    prefix = start.prefix
    broker.create(f"{prefix}-{name}" for name in ("windows", "closing"))
    broker.send({f"{prefix}-windows": readings()})
    workers = [start("windows", path, group_id=f"{prefix}-{path}", environment=OPTIONS) for path in PATHS]
    fast, faust = (by_partition(worker.noted("windows", 2 * EACH, within=30.0)) for worker in workers)
    assert fast == faust
    assert len(fast) == 2 * EACH

    broker.send({f"{prefix}-closing": closing()})
    for worker in workers:
        assert [note["count"] for note in worker.noted("closing", EACH)] == [1, 2, *[3] * (EACH - 2)], worker.path
        closed = sorted(worker.noted("closed", 3), key=lambda note: str(note["key"]))
        assert [(note["key"], note["value"]) for note in closed] == [("k0", 18), ("k1", 22), ("k2", 26)], worker.path
        assert worker.page("/windows/")["closing"] == 0, worker.path

    pages = [worker.page("/windows/") for worker in workers]
    assert pages[0] == pages[1]
    assert pages[0]["indexed"] == 6
    assert [worker.stop() for worker in workers] == [0, 0]
    for table in TABLES:
        first, second = (changelog(broker, worker, table) for worker in workers)
        assert first == second, table
        # What has closed is gone there, too.
        assert bool(first) == (table != "closing"), table
