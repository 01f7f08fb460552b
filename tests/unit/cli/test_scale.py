"""`framework scale` without a broker: its arguments, what it shows, what it hands to machines."""

import io
import json

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner, Result

from framework.cli.scale import scale
from framework.cli.scale_view import Document, Lines, Screen
from framework.cli.scale_wording import end_sentence, where
from framework.errors import BrokerUnavailableError
from framework.exit_codes import ExitCode
from framework.membership.scaling import Plan
from framework.membership.steps import Phase, Progress, Step

PLAN = Plan(2, ("w-0", "w-1"), leaves=("w-3",), removed=("w-2",), silent=("w-1",), dynamic=("guest",))
UNDER_WAY = Progress(
    (Step("w-2", Phase.DONE, "removed", 0.512, 0.6, 9), Step("w-3", Phase.STOPPING)),
    ("seat w-3 is still in the group",),
)
DONE = Progress((UNDER_WAY.steps[0], Step("w-3", Phase.DONE, "left", 1.25, 2.0, 10)))


pytestmark = pytest.mark.usefixtures("no_broker")


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(scale)
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--group", "g", "--to", "0"], "cannot be scaled to 0 workers: the least is 1"),
        (["--group", "g", "--to", "-3"], "cannot be scaled to -3 workers: the least is 1"),
        (["--group", "g", "--to", "many"], "--to"),
        (["--group", "g"], "Missing option"),
        (["--to", "2"], "name the app"),
        (["apps.x:app", "--group", "g", "--to", "2"], "leave MODULE:APP out"),
        (["--group", "g", "--to", "2", "--timeout", "0"], "--timeout"),
    ],
)
def test_wrong_arguments(arguments: list[str], says: str) -> None:
    result = run(*arguments)
    assert result.exit_code == ExitCode.USAGE
    assert says in " ".join(result.output.replace("│", " ").split())


def test_no_broker() -> None:
    assert isinstance(run("--group", "g", "--to", "2").exception, BrokerUnavailableError)


def test_no_broker_for_machines() -> None:
    result = run("--group", "g", "--to", "2", "--json")
    assert isinstance(result.exception, BrokerUnavailableError)
    answer = json.loads(result.output)
    assert (answer["complete"], answer["missing"], answer["steps"]) == (False, None, [])
    assert "127.0.0.1:1" in answer["error"]


def told(view_of: type[Lines], *, terminal: bool = False) -> str:
    out = io.StringIO()
    view = view_of("g", Console(file=out, width=160, highlight=False, markup=False, force_terminal=terminal))
    view.watching()
    view.planned(PLAN, dry_run=False)
    with view.running():
        view.moved(UNDER_WAY)
        view.moved(UNDER_WAY)
        view.moved(DONE)
    view.finished()
    return out.getvalue()


def test_lines() -> None:
    text = told(Lines)
    assert "Workers wanted: 2. Staying: w-0, w-1." in text
    assert "Dead, to be removed: w-2." in text
    assert "To leave by themselves, one at a time: w-3." in text
    assert "Dead, but staying: w-1. Each rebalance waits for them" in text
    assert "Left alone, because they have no seat: guest." in text
    assert "Step 1 of 2: w-2 was removed; its partitions stood still for 0.51 s." in text
    assert text.count("Step 2 of 2: w-3 finishes its work.") == 1
    assert "│ w-3  │ left    │ 1.25 s      │ 2.00 s │ 10         │" in text
    assert text.endswith("The group is Stable with 2 seats and 1 dynamic member, and every partition is in work.\n")


def test_screen() -> None:
    text = told(Screen, terminal=True)
    assert "w-3" in text
    assert "The group is Stable with 2 seats" in text


def test_document(capsys: pytest.CaptureFixture[str]) -> None:
    view = Document("g", 2)
    view.planned(PLAN, dry_run=False)
    view.moved(DONE)
    view.finished()
    answer = json.loads(capsys.readouterr().out)
    assert (answer["complete"], answer["dry_run"], answer["error"], answer["count"]) == (True, False, None, 2)
    assert (answer["stays"], answer["leaves"], answer["removed"]) == (["w-0", "w-1"], ["w-3"], ["w-2"])
    assert answer["steps"][1] == {
        "group_instance_id": "w-3",
        "phase": "done",
        "action": "left",
        "standstill": 1.25,
        "seconds": 2.0,
        "generation_id": 10,
    }


def test_document_of_a_dry_run_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    Document("g", 2).planned(PLAN, dry_run=True)
    answer = json.loads(capsys.readouterr().out)
    assert (answer["complete"], answer["dry_run"], answer["steps"]) == (False, True, [])


def test_where_it_was_interrupted() -> None:
    assert where(None) == "no seat had been touched"
    assert where(UNDER_WAY) == "1 of 2 seats had gone; w-3 finishes its work"


def test_workers_that_are_still_to_be_started() -> None:
    assert end_sentence(Plan(5, ("w-0", "w-1"))) == (
        "The wanted count of workers is 5 from now on; still to be started: 3."
    )
