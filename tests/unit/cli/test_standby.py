"""`framework standby ...` without a broker: arguments, and that a missing broker or app is told."""

import json

import pytest
from typer.testing import CliRunner, Result

from framework.cli.standby import app
from framework.errors import AppNotFoundError, BrokerUnavailableError
from framework.exit_codes import ExitCode

pytestmark = pytest.mark.usefixtures("no_broker")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["status"], "name the app"),
        (["status", "apps.x:app", "--group", "g"], "leave MODULE:APP out"),
        (["status", "--group", "g", "--watch", "--check"], "leave --watch out"),
        (["handover", "--group", "g"], "--all for every one"),
        (["handover", "apps.x:app"], "--all for every one"),
        (["handover", "--group", "g", "w-0", "--all"], "--all for every one"),
        (["handover", "--all"], "name the app"),
        (["handover", "--group", "g", "w-0", "--timeout", "0"], "--timeout"),
        (["drill", "--group", "g"], "give one seat, not 0"),
        (["drill", "apps.x:app"], "give one seat, not 0"),
        (["drill", "--group", "g", "w-0", "w-1"], "give one seat, not 2"),
    ],
)
def test_wrong_arguments(arguments: list[str], says: str) -> None:
    result = run(*arguments)
    assert result.exit_code == ExitCode.USAGE
    assert says in " ".join(result.output.replace("│", " ").split())


COMMANDS = [["status"], ["handover", "w-0"], ["handover", "--all"], ["drill", "w-0", "--yes"]]


@pytest.mark.parametrize("arguments", COMMANDS)
def test_no_broker(arguments: list[str]) -> None:
    result = run(*arguments, "--group", "g")
    assert isinstance(result.exception, BrokerUnavailableError)
    assert "127.0.0.1:1" in str(result.exception)


@pytest.mark.parametrize("arguments", COMMANDS[1:])
def test_no_broker_for_machines(arguments: list[str]) -> None:
    result = run(*arguments, "--group", "g", "--json")
    assert isinstance(result.exception, BrokerUnavailableError)
    answer = json.loads(result.stdout)
    assert answer["complete"] is False
    assert "127.0.0.1:1" in answer["error"]


@pytest.mark.parametrize("arguments", [["status", "nosuch:app"], ["handover", "nosuch:app", "w-0"]])
def test_no_app(arguments: list[str]) -> None:
    assert isinstance(run(*arguments).exception, AppNotFoundError)


@pytest.mark.parametrize(("answer", "is_run"), [("n\n", False), ("y\n", True)])
def test_drill_asks_on_a_terminal(monkeypatch: pytest.MonkeyPatch, answer: str, is_run: bool) -> None:
    # The runner replaces stdin, so the module is told that it is a terminal.
    monkeypatch.setattr("framework.cli.standby_drill.is_terminal", lambda: True)
    result = CliRunner().invoke(app, ["drill", "--group", "g", "w-0"], input=answer)
    assert "kills the worker in seat w-0 of group g on purpose" in result.output
    assert isinstance(result.exception, BrokerUnavailableError) is is_run
    assert result.exit_code != ExitCode.OK
