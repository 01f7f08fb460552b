"""What the throughput benchmark tells in words, and writes down."""

import json
from io import StringIO

import pytest
from rich.console import Console

from tests.benchmarks.throughput_cases import FAUST, OURS
from tests.benchmarks.throughput_figures import Row, Sample
from tests.benchmarks.throughput_others import Latency
from tests.benchmarks.throughput_show import Report, show

REPORT = Report(
    rows=[Row("events", "consume events()", {FAUST: Sample(10_000, 80, 60), OURS: Sample(400_000, 2, 81)}, 22)],
    latency={200: {FAUST: Latency(2.0, 20.0), OURS: Latency(1.0, 30.0)}},
    workers={1: Sample(100_000, 9, 80), 2: Sample(150_000, 10, 81)},
    idle={OURS: 0.5},
    failures=["sink, plain Faust: [1] record came twice"],
)


def told(report: Report) -> str:
    written = StringIO()
    show(report, Console(width=140, file=written))
    return written.getvalue()


@pytest.mark.parametrize(
    "words",
    [
        "40.0",
        "yes",
        "1.0 / 30.0",
        "NO",
        "150,000/s together, 1.50 times",
        "would be 1.80 times one",
        "0.50 % of a core",
        "+21 MB",
        "FAILED sink",
    ],
)
def test_everything_measured_is_told(words: str) -> None:
    assert words in told(REPORT)


def test_failure_is_told_as_it_is() -> None:
    assert "[1] record came twice" in told(REPORT)


def test_nothing_measured_is_nothing_told() -> None:
    assert not told(Report()).strip()


def test_report_is_one_object() -> None:
    found = json.loads(json.dumps(REPORT.as_json({"repeat": 3})))
    assert {"machine", "versions", "conditions", "cases", "failures"} <= found.keys()
    assert found["latency_ms"]["200"][FAUST] == {"p50": 2.0, "p99": 20.0}
