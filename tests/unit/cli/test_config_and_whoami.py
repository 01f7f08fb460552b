"""`framework config` and `framework whoami`, as a person and as a machine reads them."""

from pathlib import Path
from typing import Any

import orjson
import pytest
import typer
from typer.testing import CliRunner, Result

from framework.cli import whoami as whoami_module
from framework.cli.config import config
from framework.cli.whoami import whoami
from framework.errors import SettingsError, UnstableIdentityError
from framework.exit_codes import ExitCode
from framework.identity import HostFacts
from framework.settings import Settings, environment, reference_markdown

SECRET = "hunter2-geheim"
LOGIN = {
    "FRAMEWORK_SECURITY_PROTOCOL": "SASL_SSL",
    "FRAMEWORK_SASL_MECHANISM": "PLAIN",
    "FRAMEWORK_SASL_USERNAME": "joe",
    "FRAMEWORK_SASL_PASSWORD": SECRET,
}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder without `.env`, an environment without settings, and a wide terminal."""
    monkeypatch.chdir(tmp_path)
    for name in environment():
        if name.startswith(("FRAMEWORK_", "POD_", "NOMAD_", "KUBERNETES_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def hostname(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that gives this machine another name."""

    def rename(name: str) -> None:
        class Renamed(HostFacts):
            @classmethod
            def here(cls) -> HostFacts:
                return HostFacts(name)

        monkeypatch.setattr(whoami_module, "HostFacts", Renamed)

    return rename


def run(command: Any, *arguments: str, **environ: str) -> Result:
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, list(arguments), env=environ)


def test_config_shows_values_and_where_they_came_from() -> None:
    Path(".env").write_text("FRAMEWORK_SERVICE=flights\n", encoding="utf-8")
    result = run(config, FRAMEWORK_HTTP_PORT="7000")
    assert result.exit_code == 0
    rows = {cells[1].strip(): cells[2:4] for line in result.output.splitlines() if len(cells := line.split("│")) == 5}
    assert [cell.strip() for cell in rows["FRAMEWORK_HTTP_PORT"]] == ["7000", "environment"]
    assert [cell.strip() for cell in rows["FRAMEWORK_SERVICE"]] == ["flights", ".env"]
    assert [cell.strip() for cell in rows["FRAMEWORK_STORE"]] == ["memory://", "default"]
    assert len(rows) == len(Settings.model_fields)


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_config_hides_secrets(arguments: tuple[str, ...]) -> None:
    result = run(config, *arguments, **LOGIN)
    assert result.exit_code == 0
    assert SECRET not in result.output
    assert "**********" in result.output


def test_config_for_machines() -> None:
    answer = orjson.loads(run(config, "--json", FRAMEWORK_SESSION_TIMEOUT_MS="3000").output)
    assert answer["settings"]["session_timeout_ms"] == {
        "name": "FRAMEWORK_SESSION_TIMEOUT_MS",
        "value": 3000,
        "source": "environment",
    }
    assert len(answer["warnings"]) == 1


def test_config_as_reference() -> None:
    assert run(config, "--markdown", FRAMEWORK_ORDINAL="x").output == reference_markdown()


def test_config_with_contradictions_fails() -> None:
    result = run(config, FRAMEWORK_INSTANCE_ID="a", FRAMEWORK_ORDINAL="1")
    assert isinstance(result.exception, SettingsError)
    assert result.exception.exit_code is ExitCode.SETTINGS


def test_whoami_shows_the_chain_and_the_id(hostname: Any) -> None:
    hostname("box")
    result = run(whoami, "--service", "flights")
    assert result.exit_code == 0
    assert "chosen: the hostname stays the same" in result.output
    for part in ("flights-box", "http://flights-box:6066", "data/flights/flights-box", "flights-box@"):
        assert part in result.output


def test_whoami_for_machines(hostname: Any) -> None:
    hostname("box")
    answer = orjson.loads(run(whoami, "--json", "--slots", "2", FRAMEWORK_ORDINAL="4").output)
    assert answer["group_instance_id"] == "app-4-0"
    assert answer["slots"] == ["app-4-0", "app-4-1"]
    assert answer["ordinal"] == 4
    assert answer["canonical_url"] == "http://app-4-0:6066"
    assert answer["error"] is None
    assert [row["source"] for row in answer["chain"] if row["outcome"].startswith("chosen")] == ["FRAMEWORK_ORDINAL"]


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_whoami_shows_the_chain_also_when_nothing_is_stable(hostname: Any, arguments: tuple[str, ...]) -> None:
    hostname("3f2a9c0b1d4e")
    result = run(whoami, *arguments)
    assert isinstance(result.exception, UnstableIdentityError)
    assert result.exception.exit_code is ExitCode.UNSTABLE_IDENTITY
    assert "refused: the hostname '3f2a9c0b1d4e' is a container id" in result.output


def test_whoami_of_a_dynamic_member(hostname: Any) -> None:
    hostname("3f2a9c0b1d4e")
    result = run(whoami, FRAMEWORK_ALLOW_DYNAMIC="true")
    assert result.exit_code == 0
    assert "none: a dynamic member" in result.output


def test_whoami_of_a_standby(hostname: Any) -> None:
    hostname("box")
    answer = orjson.loads(run(whoami, "--json", FRAMEWORK_ROLE="standby", FRAMEWORK_ORDINAL="4").output)
    assert (answer["group_id"], answer["group_instance_id"]) == ("app-standby", "app-standby-4")
    assert answer["client_id"].startswith("app-standby-4@")
    assert [row["value"] for row in answer["chain"] if row["outcome"].startswith("chosen")] == ["app-standby-4"]


def test_whoami_of_a_standby_that_would_be_dynamic(hostname: Any) -> None:
    hostname("3f2a9c0b1d4e")
    result = run(whoami, FRAMEWORK_ROLE="standby", FRAMEWORK_ALLOW_DYNAMIC="true")
    assert isinstance(result.exception, UnstableIdentityError)
