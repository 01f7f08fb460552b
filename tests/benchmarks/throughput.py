"""`scripts/bench throughput`: records a second of this framework and its peers, with a Kafka of its own."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from framework.localkafka import LocalKafka
from tests.benchmarks.throughput_cases import CASES, FLIGHTS, NAMES, OTHERS, QUICK, QUIX
from tests.benchmarks.throughput_chart import draw
from tests.benchmarks.throughput_contenders import Place
from tests.benchmarks.throughput_peers import quix_python
from tests.benchmarks.throughput_plan import Plan, Step, steps
from tests.benchmarks.throughput_show import Report, show
from tests.benchmarks.throughput_work import carry_out

DOCS = Path("docs")
NAME = "throughput"
WIDTH = 140
BUSY = 0.7
"""Load, a minute's average, above which neighbours sway the rates."""

EVERYTHING = (*(case.name for case in CASES), FLIGHTS.name, *OTHERS)

cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@cli.command()
def main(
    only: Annotated[
        list[str] | None, typer.Option(help=f"Only this case, may be repeated: {', '.join(EVERYTHING)}.")
    ] = None,
    without: Annotated[list[str] | None, typer.Option(help=f"Leave a contender out: {', '.join(NAMES)}.")] = None,
    repeat: Annotated[int, typer.Option(min=1, help="How often; the medians count.")] = 3,
    quick: Annotated[bool, typer.Option("--quick", help="Few records, once: to see that it works.")] = False,
    slow: Annotated[bool, typer.Option("--slow", help="This framework with FRAMEWORK_FAST_DELIVERY=false.")] = False,
    json_path: Annotated[Path | None, typer.Option("--json", help="File for the figures.")] = None,
    svg_path: Annotated[Path | None, typer.Option("--svg", help="File for the chart.")] = None,
) -> None:
    """Measure plain Faust, Quix Streams, aiokafka and this framework side by side.

    A complete run writes docs/throughput.json and docs/throughput.svg; any other writes what it is told to.
    """
    plan = Plan(
        only=_known(only or (), EVERYTHING),
        without=_known(without or (), NAMES),
        repeat=1 if quick else repeat,
        scale=QUICK if quick else 1.0,
        slow=slow,
    )
    console = Console(width=WIDTH)
    before = os.getloadavg()[0]
    if before > BUSY:
        console.print(f"The machine is busy (load {before:.1f}): rates will be too low; compare what CPU they cost.")
    report = _measure(plan, console)
    show(report, console)
    complete = plan == Plan(repeat=repeat) and not report.failures
    conditions = {"repeat": plan.repeat, "scale": plan.scale, "slow": plan.slow, "load_before": round(before, 2)}
    _write(report, conditions, json_path or _default(complete, "json"), svg_path or _default(complete, "svg"), console)
    raise typer.Exit(1 if report.failures else 0)


def _known(names: Any, known: Any) -> frozenset[str]:
    if strangers := sorted(set(names) - set(known)):
        raise typer.BadParameter(f"{', '.join(strangers)}: known are {', '.join(known)}")
    return frozenset(names)


def _measure(plan: Plan, console: Console) -> Report:
    quix = None if QUIX in plan.without else quix_python(console.print)
    todo = list(steps(plan))
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch, LocalKafka.start(nodes=1) as kafka:
        place = Place(kafka.bootstrap_servers, Path(scratch), quix, plan.settings)
        with _progress(console, todo) as advance:
            return carry_out(todo, plan, place, advance)


@contextmanager
def _progress(console: Console, todo: Sequence[Step]) -> Iterator[Callable[[Step, str], None]]:
    """Something to call after each step: a bar on a terminal, a line elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        names = iter([*map(str, todo), "done"])
        task = bar.add_task(next(names), total=len(todo))

        def advance(step: Step, found: str) -> None:
            bar.update(task, advance=1, description=next(names))
            bar.console.print(f"{step}: {found}", markup=False, highlight=False)

        yield advance


def _default(complete: bool, suffix: str) -> Path | None:
    return DOCS / f"{NAME}.{suffix}" if complete else None


def _write(
    report: Report, conditions: dict[str, Any], json_path: Path | None, svg_path: Path | None, console: Console
) -> None:
    found = report.as_json(conditions)
    machine = found["machine"]
    caption = (
        f"Medians of {conditions['repeat']}; one process each, Kafka on the same {machine['cores']} cores;"
        f" Python {machine['python']}, {machine['system']}"
        f"{'; without fast delivery' if conditions['slow'] else ''}."
    )
    for path, content in (
        (json_path, json.dumps(found, indent=1, ensure_ascii=False) + "\n"),
        (svg_path, draw(report.rows, caption)),
    ):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
            console.print(f"written: {path}")


if __name__ == "__main__":
    cli(prog_name="scripts/bench throughput")
