"""Tables of every kind are made from their changelogs again, on either path from what either path has written."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from framework.testing import eventually
from tests.support.both_paths import PATHS, PathWorker, Starter, by_partition
from tests.support.both_paths_broker import BrokerSide, Input

pytestmark = pytest.mark.broker

EACH = 9
HOUR = 3600
INPUTS = ("tables", "table-changes", "windows")
PAGES = ("/tables/", "/windows/")
FEATURES = ("tables", "table-changes", "windows")


def records(first: int, base: int) -> list[Input]:
    """As many a partition, under three keys; each batch falls in the same windows of time as the one before."""
    return [
        Input(
            json.dumps({"n": first + n, "at": base - HOUR + n * 5.0}).encode(),
            key=b"k%d-%d" % (n % 3, partition),
            partition=partition,
            timestamp=(base + n * 5) * 1000,
        )
        for n in range(EACH)
        for partition in range(2)
    ]


class Group:
    """A group of one worker at a time, whose first is on the path that it is named after."""

    def __init__(self, name: str, start: Starter, broker: BrokerSide, folder: Path) -> None:
        self.name, self.start, self.broker, self.folder = name, start, broker, folder
        self.group_id = f"{start.prefix}-{name}"
        self.starts = 0
        self.worker = self.begin(name)

    def begin(self, path: str) -> PathWorker:
        """Start a worker whose disk is empty, so that changelogs are all it has."""
        environment = {
            "FRAMEWORK_COMMIT_INTERVAL": "0.1",
            "FRAMEWORK_DATADIR": str(self.folder / f"{self.name}-{self.starts}"),
        }
        label = f"w{self.starts}"
        self.starts += 1
        self.worker = self.start(
            "recovered", path, group_id=self.group_id, label=label, seat="w", environment=environment
        )
        return self.worker

    def comes_to(self, expected: Any) -> None:
        """Wait until its tables hold something."""
        eventually(lambda: self.holds() == expected, within=20.0)

    def has_done(self, count: int) -> None:
        """Wait until so many records of each partition are committed."""
        wanted = {(f"{self.start.prefix}-{name}", partition): count for name in INPUTS for partition in range(2)}
        with self.worker.log_on_failure():
            eventually(lambda: wanted.items() <= self.broker.committed(self.group_id).items(), within=20.0)

    def holds(self) -> dict[str, Any]:
        """What its tables hold, as a page goes over them."""
        return {page: self.worker.page(page) for page in PAGES}

    def saw(self) -> dict[str, list[Any]]:
        """What the bodies of this worker saw, windows and all."""
        return {feature: by_partition(self.worker.notes(feature)) for feature in FEATURES}


def test_tables_are_found_again(start: Starter, broker: BrokerSide, tmp_path: Path) -> None:
    broker.create(f"{start.prefix}-{name}" for name in (*INPUTS, "closing"))
    base = int(time.time() - HOUR) // 100 * 100
    fast, faust = groups = [Group(path, start, broker, tmp_path) for path in PATHS]

    def do(number: int) -> tuple[dict[str, Any], dict[str, list[Any]]]:
        """Have both do one more batch; what the tables hold then, and what the bodies saw."""
        broker.send({f"{start.prefix}-{name}": records(number * EACH, base) for name in INPUTS})
        for group in groups:
            group.has_done((number + 1) * EACH)
        assert fast.saw() == faust.saw()
        assert all(len(notes) == 2 * EACH for notes in fast.saw().values())
        assert fast.holds() == faust.holds()
        return fast.holds(), fast.saw()

    before, _ = do(0)
    for group in groups:
        group.worker.kill()
        group.begin(group.name)
    for group in groups:
        group.comes_to(before)
    before, _ = do(1)
    for group, path in zip(groups, reversed(PATHS), strict=True):
        assert group.worker.stop() == 0
        group.begin(path)
    for group in groups:
        group.comes_to(before)
    _, saw = do(2)
    # A key comes once in each window and batch.
    assert {note["by_field"][0] for note in saw["windows"]} == {3}
    assert [group.worker.stop() for group in groups] == [0, 0]
