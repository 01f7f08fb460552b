"""`framework leave`, as a person, a hook and a machine see it, against a control server with workers made by hand."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from framework.cli.leave import leave
from framework.errors import CheckFailedError, SupervisorUnreachableError
from framework.exit_codes import ExitCode
from framework.lifecycle.control_client import find_supervisors
from tests.unit.lifecycle.fake_supervisor import FakeSupervisor, short_folder


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """An environment in which only the sockets of this test are found."""
    with short_folder() as folder:
        only = {"XDG_RUNTIME_DIR": str(folder), "TMPDIR": str(folder)}
        for name, value in only.items():
            monkeypatch.setenv(name, value)
        yield only


@pytest.fixture
def supervisor(environ: dict[str, str]) -> Iterator[FakeSupervisor]:
    with FakeSupervisor().serving(environ) as fake:
        yield fake


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(leave)
    return CliRunner().invoke(app, list(arguments))


def code_of(result: Result) -> Any:
    return getattr(result.exception, "exit_code", result.exit_code)


def test_returns_when_it_is_accepted(supervisor: FakeSupervisor) -> None:
    result = run()
    assert result.exit_code == 0
    assert result.output == f"The supervisor with process id {_pid(result)} stops its workers and leaves the group.\n"
    assert supervisor.leaves == 1


def test_waits_until_every_seat_has_been_given_up(supervisor: FakeSupervisor) -> None:
    supervisor.on_leave = FakeSupervisor.end_all
    result = run("--wait")
    assert result.exit_code == 0
    assert result.output.splitlines()[1:] == ["flights-0: left", "flights-1: left", "Every seat has been given up."]


def test_seat_that_could_not_be_left(supervisor: FakeSupervisor) -> None:
    def end(fake: FakeSupervisor) -> None:
        fake.end(0, has_left=True)
        fake.end(1, has_left=False)

    supervisor.on_leave = end
    result = run("--wait")
    assert isinstance(result.exception, CheckFailedError)
    assert code_of(result) is ExitCode.CHECK_FAILED
    assert "without leaving the group: flights-1." in str(result.exception)


def test_time_is_up(supervisor: FakeSupervisor) -> None:
    result = run("--wait", "--timeout", "0.3")
    assert code_of(result) is ExitCode.CHECK_FAILED
    assert "0.3 s is up. Still waited for: flights-0 (stopping), flights-1 (stopping)." in str(result.exception)
    assert supervisor.leaves == 1


@pytest.mark.parametrize(("arguments", "is_done"), [((), False), (("--wait",), True)])
def test_for_machines(arguments: tuple[str, ...], is_done: bool, supervisor: FakeSupervisor) -> None:
    supervisor.on_leave = FakeSupervisor.end_all
    answer = json.loads(run("--json", *arguments).output)
    assert answer.pop("pid") > 1
    assert answer == {
        "app": "apps.flights:app",
        "accepted": True,
        "done": is_done,
        "left": ["flights-0", "flights-1"] if is_done else [],
        "not_left": [],
    }


def test_machines_are_told_who_is_missing(supervisor: FakeSupervisor) -> None:
    result = run("--wait", "--timeout", "0.3", "--json")
    answer = json.loads(result.output)
    assert (answer["done"], answer["not_left"]) == (False, ["flights-0", "flights-1"])
    assert code_of(result) is ExitCode.CHECK_FAILED


@pytest.mark.parametrize("arguments", [(), ("apps.flights:app",), ("--pid", "7"), ("--json",)])
def test_nobody_there(arguments: tuple[str, ...], environ: dict[str, str]) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, SupervisorUnreachableError)
    assert code_of(result) is ExitCode.NO_SUPERVISOR
    assert result.output == ""


def test_another_app_is_named(supervisor: FakeSupervisor) -> None:
    result = run("apps.shop:app")
    assert code_of(result) is ExitCode.NO_SUPERVISOR
    assert "(apps.flights:app)" in str(result.exception)
    assert supervisor.leaves == 0


def test_by_app_and_process_id(supervisor: FakeSupervisor, environ: dict[str, str]) -> None:
    (found,) = find_supervisors(environ)
    assert run("apps.flights:app", "--pid", str(found.pid)).exit_code == 0


def _pid(result: Result) -> str:
    return result.output.partition("process id ")[2].partition(" ")[0]
