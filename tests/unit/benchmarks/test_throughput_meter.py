"""The meter measures from the first record to the last measured one, and says what came and what came twice."""

import json
from pathlib import Path
from typing import Any

from tests.benchmarks.throughput_meter import Meter


def count(meter: Meter, records: int) -> None:
    """What a measured loop does."""
    mark = meter.first
    for seen in range(1, records + 1):
        if seen == mark:
            mark = meter.reached(seen)


def written(meter: Meter) -> dict[str, Any]:
    return dict(json.loads(meter.path.read_text()))


def test_result_appears_when_all_records_have_come(tmp_path: Path) -> None:
    meter = Meter(tmp_path / "result", 100)
    count(meter, 99)
    assert not meter.path.exists()


def test_nine_tenths_are_measured(tmp_path: Path) -> None:
    meter = Meter(tmp_path / "result", 100)
    count(meter, 100)
    found = written(meter)
    assert found["records"] == 89
    assert found["extra"] == 0
    assert found["ended"] > found["begun"]
    assert found["cpu"] >= 0
    assert found["rss_mb"] > 1


def test_records_that_come_twice_are_told(tmp_path: Path) -> None:
    meter = Meter(tmp_path / "result", 100)
    count(meter, 103)
    assert written(meter)["extra"] == 3


def test_the_slowest_loop_ends_the_measurement(tmp_path: Path) -> None:
    meter = Meter(tmp_path / "result", 100, loops=2)
    count(meter, 100)
    assert not meter.path.exists()
    count(meter, 100)
    assert written(meter)["records"] == 89


def test_smallest_topic_can_be_measured(tmp_path: Path) -> None:
    meter = Meter(tmp_path / "result", 3)
    count(meter, 3)
    assert written(meter)["records"] == 1
