"""A contender that fails is an error that names it."""

import sys
from pathlib import Path

import pytest

from tests.benchmarks.throughput_cases import FAUST, NAMES, OURS, QUIX, RAW
from tests.benchmarks.throughput_contenders import ContenderError, Place, command, environment, running

PLACE = Place("127.0.0.1:1", Path("/folder"), Path("/quix/python"), {"FRAMEWORK_FAST_DELIVERY": "false"})


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_contender_that_ends_too_early_is_named_with_what_it_said(tmp_path: Path) -> None:
    arguments = python("print('no broker'); raise SystemExit(3)")
    with (
        pytest.raises(ContenderError, match=r"(?s)plain Faust: ended with code 3 before the last .*no broker"),
        running(FAUST, arguments, {}, tmp_path / "log") as process,
    ):
        process.wait_for(lambda: None, "the last record")


def test_contender_that_is_too_slow_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(ContenderError, match="Quix Streams: stopped after 0 s without the last record"),
        running(QUIX, python("import time; time.sleep(60)"), {}, tmp_path / "log") as process,
    ):
        process.wait_for(lambda: None, "the last record", limit=0.0)


def test_contender_that_has_died_unseen_is_named(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        pytest.raises(ContenderError, match="this framework: ended by itself with code 0"),
        running(OURS, python("print('done')"), {}, log) as process,
    ):
        process._process.wait(10.0)


@pytest.mark.parametrize("contender", NAMES)
def test_each_has_a_command_and_only_ours_our_settings(contender: str) -> None:
    assert command(contender, "throughput_app", PLACE)
    env = environment(contender, "group", PLACE, BENCH_TOPIC="in")
    assert ("FRAMEWORK_FAST_DELIVERY" in env) == (contender == OURS)
    assert env["BENCH_PLAIN"] == ("1" if contender == FAUST else "0")
    assert env["BENCH_TOPIC"] == "in"


def test_outer_settings_configure_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAMEWORK_MAX_IN_FLIGHT", "1")
    assert "FRAMEWORK_MAX_IN_FLIGHT" not in environment(RAW, "group", PLACE)
