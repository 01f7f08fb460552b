"""What tests of commands share: surroundings in which nothing is set and no broker answers."""

from pathlib import Path

import pytest

from framework.settings import environment


@pytest.fixture
def no_broker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder without `.env`, an environment without settings, and no broker."""
    monkeypatch.chdir(tmp_path)
    for name in environment():
        if name.startswith("FRAMEWORK_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("FRAMEWORK_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "dumb")
    # Logging is set up for a process, and this one goes on to other tests.
    monkeypatch.setattr("framework.cli.looking.silence", lambda settings: None)
