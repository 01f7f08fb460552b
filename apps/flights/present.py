"""What the commands show a person or a program: progress, tables, JSON; knows no Kafka."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from apps.flights.compare import Report, Tally
from apps.flights.replay import Progress as OnProgress
from apps.flights.replay import ReplayReport

LINE_EVERY = 5.0
"""Seconds between two lines of progress where there is no terminal."""

SHOWN = 20
"""Differences that the table shows at most."""


@contextmanager
def show_progress(console: Console) -> Iterator[OnProgress]:
    """A function to call with (done, all): a bar on a terminal, else a line every few seconds."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}/s"))
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        task, started = bar.add_task("replay", total=None, rate="-"), time.monotonic()

        def update(done: int, total: int) -> None:
            rate = done / max(time.monotonic() - started, 0.001)
            bar.update(task, completed=done, total=total, rate=f"{rate:,.0f}")

        yield update


class _Lines:
    """Progress as plain lines."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = time.monotonic() + LINE_EVERY

    def __call__(self, done: int, total: int) -> None:
        if (now := time.monotonic()) >= self._next:
            self._next = now + LINE_EVERY
            self._console.print(f"{done} of {total} records acknowledged", highlight=False)


def replay_as_json(report: ReplayReport) -> str:
    """The report of a replay as one JSON object."""
    return orjson.dumps({**asdict(report), "rate": round(report.rate, 1)}).decode()


def verify_as_json(report: Report) -> str:
    """The report of a comparison as one JSON object."""
    summary = {"equal": report.is_equal, "lost": report.lost, "duplicated": report.duplicated}
    return orjson.dumps({**summary, **asdict(report)}).decode()


def verify_as_table(report: Report, console: Console) -> None:
    """Print what was counted, and every difference."""
    counts = Table("", "expected", "found", "lost", "duplicated")
    for name in ("flights", "alerts", "malformed"):
        counts.add_row(name, *_cells(getattr(report, name)))
    console.print(counts)
    if report.differences:
        differences = Table("where", "what", "expected", "found", "difference")
        for each in report.differences[:SHOWN]:
            gap = "" if each.expected is None or each.found is None else f"{each.found - each.expected:+}"
            differences.add_row(each.place, each.name, str(each.expected), str(each.found), gap)
        console.print(differences)
        if (more := len(report.differences) - SHOWN) > 0:
            console.print(f"... and {more} more differences")
    equal = "yes" if report.is_equal else "NO"
    console.print(f"Equal to the file: {equal}. Lost: {report.lost}. Duplicated: {report.duplicated}.", highlight=False)


def _cells(tally: Tally) -> tuple[str, ...]:
    return tuple(f"{count:,}" for count in (tally.expected, tally.found, tally.lost, tally.duplicated))
