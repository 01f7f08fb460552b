"""A changelog whose beginning the broker has deleted is recovered from where it begins now, wherever others begin."""

import json
from pathlib import Path

import pytest

from framework.testing import eventually
from tests.support.both_paths import PathWorker, Starter
from tests.support.both_paths_broker import BrokerSide, Input

pytestmark = pytest.mark.broker

KEYS = 3
ROUND = 9
"""Records of a partition; each key comes in each round, so that the last one alone tells what the table holds."""


def records(first: int) -> list[Input]:
    return [
        Input(json.dumps({"n": first + n}).encode(), key=b"k%d-%d" % (n % KEYS, partition), partition=partition)
        for n in range(ROUND)
        for partition in range(2)
    ]


def latest(folder: Path) -> dict[str, str]:
    """Another worker's disk, so that changelogs are all it has."""
    options = json.dumps({"consumer_auto_offset_reset": "latest"})
    return {"BOTH_OPTIONS": options, "FRAMEWORK_DATADIR": str(folder)}


def test_changelog_without_its_beginning(path: str, start: Starter, broker: BrokerSide, tmp_path: Path) -> None:
    """The client would go to the end from a position that is before the beginning, and nothing would be recovered."""
    topic, changelog = f"{start.prefix}-tables", f"{start.prefix}-counts-changelog"
    broker.create([topic, f"{start.prefix}-table-changes"])
    # Of a topic that is only compacted the broker deletes no beginning.
    broker.create([changelog], configs={"cleanup.policy": "delete"})
    worker = start("tables", path, label="first", seat="w", environment={"FRAMEWORK_COMMIT_INTERVAL": "0.1"})
    ends = []
    for number in range(2):
        broker.send({topic: records(number * ROUND)})
        has_done(worker, broker, topic, (number + 1) * ROUND)
        ends.append(broker.ends([changelog]))
    before = worker.page("/tables/")
    assert set(before["counts"].values()) == {2 * 2 * ROUND // KEYS}
    assert worker.stop() == 0
    for partition in range(2):
        assert 0 < ends[0][changelog, partition] < ends[1][changelog, partition]
        broker.drop_before(changelog, partition, ends[0][changelog, partition])
    again = start("tables", path, label="again", seat="w", environment=latest(tmp_path / "again"))
    with again.log_on_failure():
        eventually(lambda: again.page("/tables/") == before, within=20.0)
        assert again.out_of_range() == []
        broker.send({topic: records(2 * ROUND)})
        has_done(again, broker, topic, 3 * ROUND)
        assert set(again.page("/tables/")["counts"].values()) == {3 * 2 * ROUND // KEYS}
    assert again.stop() == 0


def has_done(worker: PathWorker, broker: BrokerSide, topic: str, count: int) -> None:
    """Wait until so many records of each partition are committed."""
    wanted = {(topic, partition): count for partition in range(2)}
    with worker.log_on_failure():
        eventually(lambda: wanted.items() <= broker.committed(worker.group_id).items(), within=20.0)
