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
    """One group of one worker at a time, whose first is on the path that it is named after."""

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

    def is_done(self, count: int) -> bool:
        """Whether so many records of each partition are committed."""
        committed = self.broker.committed(self.group_id)
        topics = {f"{self.start.prefix}-{name}" for name in INPUTS}
        done = {offset for (topic, _), offset in committed.items() if topic in topics}
        return done == {count} and len([topic for topic, _ in committed if topic in topics]) == 2 * len(INPUTS)

    def holds(self) -> dict[str, Any]:
        """What its tables hold, as a page goes over them."""
        return {page: self.worker.page(page) for page in PAGES}

    def saw(self) -> dict[str, list[Any]]:
        """What the bodies of this worker saw, windows and all."""
        return {feature: by_partition(self.worker.notes(feature)) for feature in FEATURES}


def test_tables_are_found_again(start: Starter, broker: BrokerSide, tmp_path: Path) -> None:
    broker.create(f"{start.prefix}-{name}" for name in (*INPUTS, "closing"))
    base = int(time.time() - HOUR) // 100 * 100
    groups = [Group(path, start, broker, tmp_path) for path in PATHS]
    last: dict[str, Any] = {}
    # Each goes on alone after a kill, and on the other path after a stop.
    for number, ends in enumerate(("killed", "stopped", "stopped")):
        if number:
            for group in groups:
                path = group.name if number == 1 else next(each for each in PATHS if each != group.name)
                group.begin(path)
            for group in groups:
                eventually(lambda group=group: group.holds() == last, within=20.0)
        broker.send({f"{start.prefix}-{name}": records(number * EACH, base) for name in INPUTS})
        for group in groups:
            with group.worker.log_on_failure():
                eventually(lambda group=group, number=number: group.is_done((number + 1) * EACH), within=20.0)
        fast, faust = (group.saw() for group in groups)
        assert fast == faust
        assert all(len(notes) == 2 * EACH for notes in fast.values())
        last, other = (group.holds() for group in groups)
        assert last == other
        for group in groups:
            if ends == "killed":
                group.worker.kill()
            else:
                assert group.worker.stop() == 0
    # A key comes once in each window and batch.
    assert {note["by_field"][0] for note in fast["windows"]} == {3}
