"""Whatever a person gets wrong ends in one paragraph that says what to do and the documented exit code, soon."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from framework import ExitCode
from framework.testing import Broker
from tests.support.workers import UNSTABLE_HOST

pytestmark = pytest.mark.broker

ROOT = Path(__file__).parents[3]
NOWHERE = {"FRAMEWORK_BOOTSTRAP_SERVERS": "127.0.0.1:1", "FRAMEWORK_BROKER_WAIT": "1"}
APPS = {
    "good.py": "from framework import App\napp = App('bad-input')\n",
    "broken.py": "raise ValueError('boom')\n",
    "empty.py": "x = 1\n",
    "plain.py": "import faust\napp = faust.App('plain')\n",
    "typo.py": "from framework import App\napp = App('typo', value_serialiser='json')\n",
    "paged.py": "from framework import App\napp = App('paged')\n@app.page('/')\nasync def page(web, request): ...\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with apps of all kinds."""
    for name, text in APPS.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def run(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in `folder`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FRAMEWORK_")}
    return subprocess.run(
        [sys.executable, "-m", "framework", *arguments],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", ["run", "worker"])
@pytest.mark.parametrize(
    ("target", "settings", "code", "says"),
    [
        ("nosuch:app", {}, ExitCode.APP_NOT_FOUND, "no module 'nosuch'"),
        ("empty:app", {}, ExitCode.APP_NOT_FOUND, "has no 'app'"),
        ("plain:app", {}, ExitCode.APP_NOT_FOUND, "import App from framework"),
        ("not a name", {}, ExitCode.APP_NOT_FOUND, "write MODULE:APP"),
        ("broken:app", {}, ExitCode.APP_IMPORT_FAILED, "broken.py:1"),
        ("typo:app", {}, ExitCode.SETTINGS, "Did you mean 'value_serializer'?"),
        ("good:app", NOWHERE, ExitCode.BROKER_UNAVAILABLE, "127.0.0.1:1 (connection refused)"),
        (
            "good:app",
            {**NOWHERE, "FRAMEWORK_BOOTSTRAP_SERVERS": "nowhere.invalid:9092"},
            ExitCode.BROKER_UNAVAILABLE,
            "nowhere.invalid:9092",
        ),
        ("good:app", {"FRAMEWORK_BOOTSTRAP_SERVERS": "me:secret@x:1"}, ExitCode.SETTINGS, "BOOTSTRAP_SERVERS"),
        ("good:app", {"FRAMEWORK_INSTANCE_ID": "a b"}, ExitCode.SETTINGS, "FRAMEWORK_INSTANCE_ID is 'a b'"),
        (
            "good:app",
            {"FRAMEWORK_HEARTBEAT_INTERVAL_MS": "9000", "FRAMEWORK_SESSION_TIMEOUT_MS": "10000"},
            ExitCode.SETTINGS,
            "FRAMEWORK_HEARTBEAT_INTERVAL_MS is 9000 and FRAMEWORK_SESSION_TIMEOUT_MS is 10000",
        ),
    ],
)
def test_it(folder: Path, command: str, target: str, settings: dict[str, str], code: ExitCode, says: str) -> None:
    before = sorted(folder.iterdir())
    ended = run(folder, command, target, **{"FRAMEWORK_INSTANCE_ID": "w0", **settings})

    assert ended.returncode == code, ended.stderr
    told = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    assert len(told) == 1, ended.stderr
    assert told[0].startswith("error: ")
    assert says in told[0]
    assert "secret" not in ended.stderr
    assert sorted(folder.iterdir()) == before


def test_two_workers_that_fail_alike_say_it_once(folder: Path) -> None:
    ended = run(folder, "run", "broken:app", "--workers", "2", FRAMEWORK_INSTANCE_ID="w0")
    assert ended.returncode == ExitCode.APP_IMPORT_FAILED
    assert ended.stderr.count("error: ") == 1


def test_debug_shows_the_traceback(folder: Path) -> None:
    ended = run(folder, "run", "broken:app", "--debug", FRAMEWORK_INSTANCE_ID="w0")
    assert ended.returncode == ExitCode.APP_IMPORT_FAILED
    assert "Traceback" in ended.stderr
    assert "ValueError: boom" in ended.stderr


@pytest.mark.parametrize("below", [0, 1], ids=["of the probes", "of the pages of worker 0"])
def test_port_that_is_taken(folder: Path, kafka_broker: Broker, below: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run(
            folder,
            "run",
            "paged:app",
            FRAMEWORK_INSTANCE_ID="w0",
            FRAMEWORK_HTTP_PORT=str(port - below),
            FRAMEWORK_BOOTSTRAP_SERVERS=kafka_broker.bootstrap_servers,
        )
    assert ended.returncode == ExitCode.PORT_TAKEN, ended.stderr
    assert str(port) in ended.stderr
    assert "FRAMEWORK_HTTP_PORT" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_java_that_is_missing(folder: Path) -> None:
    ended = run(folder, "kafka", "up", PATH="/nowhere", JAVA_HOME="")
    assert ended.returncode == ExitCode.JAVA_MISSING, ended.stderr
    assert "Java 17" in ended.stderr
    assert not (folder / ".kafka").exists()


@pytest.mark.parametrize("command", ["run", "worker"])
def test_host_name_that_changes_at_each_start(folder: Path, command: str) -> None:
    ended = run(folder, command, "good:app", PYTHONPATH=f"{UNSTABLE_HOST}{os.pathsep}{ROOT}")
    assert ended.returncode == ExitCode.UNSTABLE_IDENTITY, ended.stderr
    assert "FRAMEWORK_INSTANCE_ID" in ended.stderr
    assert "FRAMEWORK_ALLOW_DYNAMIC" in ended.stderr
    assert "Traceback" not in ended.stderr
