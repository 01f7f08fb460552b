"""What `framework scale` shows: lines, a live table on a terminal, or one document at the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from framework.cli.scale_wording import document, end_sentence, plan_lines, said, steps_table, where
from framework.cli.showing import print_json
from framework.membership.scaling import Plan
from framework.membership.steps import Phase, Progress


class View(Protocol):
    """Who is told how far the scaling is."""

    def watching(self) -> None:
        """The roster is being watched for who lives."""

    def planned(self, plan: Plan, *, dry_run: bool) -> None:
        """It is decided who goes."""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Around the steps."""

    def moved(self, progress: Progress) -> None:
        """A step has moved."""

    def finished(self) -> None:
        """All is done."""

    def failed(self, error: BaseException) -> None:
        """It ends before that."""

    def where(self) -> str:
        """How far it is, as a clause."""


def view_for(group_id: str, count: int, *, as_json: bool) -> View:
    """The view that fits where the output goes."""
    if as_json:
        return Document(group_id, count)
    console = Console(highlight=False, markup=False)
    return (Screen if console.is_terminal else Lines)(group_id, console)


class Document:
    """Nothing until the end, then one JSON object."""

    def __init__(self, group_id: str, count: int) -> None:
        self._group_id = group_id
        self._count = count
        self._plan: Plan | None = None
        self._progress: Progress | None = None
        self._is_dry_run = False

    def watching(self) -> None:
        """Say nothing."""

    def planned(self, plan: Plan, *, dry_run: bool) -> None:
        """Remember the plan; print it if it is all there is."""
        self._plan, self._is_dry_run = plan, dry_run
        if dry_run:
            self._print(None, complete=False)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Say nothing."""
        yield

    def moved(self, progress: Progress) -> None:
        """Remember how far it is."""
        self._progress = progress

    def finished(self) -> None:
        """Print."""
        self._print(None, complete=True)

    def failed(self, error: BaseException) -> None:
        """Print."""
        self._print(str(error), complete=False)

    def where(self) -> str:
        """How far it is."""
        return where(self._progress)

    def _print(self, error: str | None, *, complete: bool) -> None:
        answer = {
            **document(self._group_id, self._count, self._plan, self._progress),
            "dry_run": self._is_dry_run,
            "complete": complete,
            "error": error,
        }
        print_json(answer)


class Lines:
    """A line whenever something has changed."""

    def __init__(self, group_id: str, console: Console) -> None:
        self._group_id = group_id
        self._console = console
        self._plan: Plan | None = None
        self._progress: Progress | None = None
        self._told: set[tuple[str, Phase]] = set()

    def watching(self) -> None:
        """Say what takes so long."""
        self._console.print(f"Watching which workers of group {self._group_id} live.")

    def planned(self, plan: Plan, *, dry_run: bool) -> None:
        """Say who stays and who goes."""
        self._plan = plan
        for line in plan_lines(plan):
            self._console.print(line)
        if dry_run:
            self._console.print("Nothing was written: this was a dry run.")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Nothing to prepare."""
        yield

    def moved(self, progress: Progress) -> None:
        """Say what is new."""
        self._progress = progress
        for number, step in enumerate(progress.steps, start=1):
            if step.phase is not Phase.WAITING and (step.seat, step.phase) not in self._told:
                self._told.add((step.seat, step.phase))
                self._console.print(f"Step {number} of {len(progress.steps)}: {step.seat} {said(step)}.")

    def finished(self) -> None:
        """Show what each step cost."""
        if self._progress is not None:
            self._console.print(steps_table(self._progress))
        assert self._plan is not None, "it was planned"
        self._console.print(end_sentence(self._plan))

    def failed(self, error: BaseException) -> None:  # noqa: ARG002 - the command line tells it
        """Show what each step cost until then."""
        if self._progress is not None and self._progress.done:
            self._console.print(steps_table(self._progress))

    def where(self) -> str:
        """How far it is."""
        return where(self._progress)


class Screen(Lines):
    """A table that moves, under a bar."""

    def __init__(self, group_id: str, console: Console) -> None:
        super().__init__(group_id, console)
        self._live: Live | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep the table in its place."""
        with Live(console=self._console, refresh_per_second=8, transient=True) as self._live:
            yield
        self._live = None

    def moved(self, progress: Progress) -> None:
        """Show it."""
        self._progress = progress
        if self._live is not None:
            self._live.update(_screen(progress))


def _screen(progress: Progress) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for step in progress.steps:
        table.add_row(_mark(step.phase), step.seat, said(step))
    bar = ProgressBar(total=len(progress.steps), completed=progress.done, width=40)
    missing = Text(f"Waiting until: {'; '.join(progress.missing)}" if progress.missing else "", "dim")
    return Group(table, bar, missing)


def _mark(phase: Phase) -> RenderableType:
    if phase is Phase.DONE:
        return Text("+", "green")
    return Text("-", "dim") if phase is Phase.WAITING else Spinner("dots")
