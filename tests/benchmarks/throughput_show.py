"""What was measured, as tables for people and as one JSON object."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from tests.benchmarks.throughput_cases import FAUST, NAMES, OURS, QUIX
from tests.benchmarks.throughput_figures import Row, Sample
from tests.benchmarks.throughput_others import Latency
from tests.benchmarks.throughput_peers import VERSION

WORKERS_WANTED = 1.7
IDLE_WANTED = 1.0
MORE_MEMORY_WANTED = 30.0
GROWING = "table-unique"

PACKAGES = ("faust-streaming", "aiokafka", "orjson", "uvloop", "rocksdict")


@dataclass(slots=True)
class Report:
    """All that was measured.

    Attributes:
        rows: of the cases.
        latency: `{rate: {contender: milliseconds}}`.
        workers: `{workers: what they did together}`.
        idle: `{contender: percent of a core}`.
        failures: what went wrong, each with its case and contender.
    """

    rows: list[Row] = field(default_factory=list)
    latency: dict[int, dict[str, Latency]] = field(default_factory=dict)
    workers: dict[int, Sample] = field(default_factory=dict)
    idle: dict[str, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def as_json(self, conditions: Mapping[str, Any]) -> dict[str, Any]:
        """One object with everything in it."""
        return {
            "machine": {
                "system": f"{platform.system()} {platform.machine()}",
                "cores": psutil.cpu_count(),
                "memory_gb": round(psutil.virtual_memory().total / 2**30),
                "python": platform.python_version(),
            },
            "versions": {**{name: version(name) for name in PACKAGES}, "quixstreams": VERSION},
            "conditions": dict(conditions),
            "cases": [row.as_json() for row in self.rows],
            "latency_ms": {
                str(rate): {name: asdict(each) for name, each in found.items()} for rate, found in self.latency.items()
            },
            "workers": {str(count): each.as_json() for count, each in self.workers.items()},
            "idle_percent": {name: round(share, 2) for name, share in self.idle.items()},
            "failures": self.failures,
        }


def show(report: Report, console: Console) -> None:
    """Print all tables that have something in them."""
    if report.rows:
        console.print(_rates(report.rows))
        console.print(_costs(report.rows))
    if report.latency:
        console.print(_latency(report.latency))
    console.print(*_sentences(report), sep="\n")
    for failure in report.failures:
        console.print(f"FAILED {failure}", style="red", markup=False)


def _rates(rows: Sequence[Row]) -> Table:
    table = Table("records/s", *NAMES.values(), "x Faust", "x Quix", "wanted", "met")
    for row in rows:
        rates = [f"{row.figures[name].rate:,.0f}" if name in row.figures else "-" for name in NAMES]
        wanted = " / ".join(f"{each:g}" for each in (row.over_faust, row.over_quix) if each is not None)
        table.add_row(row.title, *rates, _times(row.ratio(FAUST)), _times(row.ratio(QUIX)), wanted, _met(row.is_met))
    return table


def _costs(rows: Sequence[Row]) -> Table:
    table = Table("CPU µs a record; MB", *NAMES.values(), "x Faust", "x Quix")
    for row in rows:
        found = [row.figures.get(name) for name in NAMES]
        costs = [f"{each.cpu_us:.1f}; {each.rss_mb:.0f}" if each else "-" for each in found]
        table.add_row(row.title, *costs, _times(row.cpu_ratio(FAUST)), _times(row.cpu_ratio(QUIX)))
    return table


def _latency(latency: Mapping[int, Mapping[str, Latency]]) -> Table:
    table = Table("ms, p50 / p99", NAMES[FAUST], NAMES[OURS], "met")
    for rate, found in latency.items():
        cells = [f"{found[name].p50:.1f} / {found[name].p99:.1f}" if name in found else "-" for name in (FAUST, OURS)]
        table.add_row(f"{rate:,} records/s", *cells, _met(_no_worse(found)))
    return table


def _sentences(report: Report) -> list[str]:
    found = []
    if 1 in report.workers and 2 in report.workers:
        one, two = report.workers[1], report.workers[2]
        found.append(
            f"Workers, a body of 100 SHA-256: one {one.rate:,.0f}/s, two {two.rate:,.0f}/s together,"
            f" {two.rate / one.rate:.2f} times (wanted {WORKERS_WANTED} where the broker is on another machine; here it"
            f" has its share of the cores). By what a record costs, {one.cpu_us:.1f} and {two.cpu_us:.1f} µs of CPU,"
            f" two that had a core each would be {2 * one.cpu_us / two.cpu_us:.2f} times one."
        )
    for name, share in report.idle.items():
        wanted = f" (wanted <= {IDLE_WANTED:g} %)" if name == OURS else ""
        found.append(f"Idle: {NAMES[name]} {share:.2f} % of a core{wanted}.")
    compared = [row for row in report.rows if {OURS, FAUST} <= row.figures.keys() and row.case != GROWING]
    if more := sorted((_more_memory(row), row.title) for row in compared):
        most, title = more[-1]
        found.append(
            f"Memory: at most {most:+.0f} MB over plain Faust, at {title!r} (wanted <= {MORE_MEMORY_WANTED:.0f});"
            " a table of new keys is left out, because it has as many more keys here as it gets more records."
        )
    return found


def _more_memory(row: Row) -> float:
    return row.figures[OURS].rss_mb - row.figures[FAUST].rss_mb


def _no_worse(found: Mapping[str, Latency]) -> bool | None:
    if FAUST not in found or OURS not in found:
        return None
    return found[OURS].p50 <= found[FAUST].p50 and found[OURS].p99 <= found[FAUST].p99


def _times(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.1f}"


def _met(is_met: bool | None) -> str:
    return {None: "", True: "yes", False: "NO"}[is_met]
