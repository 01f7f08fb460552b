"""One line an event, in one form, with who says it; also from other threads and from the libraries underneath."""

import io
import json
import logging
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import faust.app
import pytest
import structlog
from pydantic import SecretStr

from framework import logs
from tests.unit.membership.apps import offline_app

NAMES = (*logs.LIBRARIES, logs.OURS_IN_LIBRARIES)


class Terminal(io.StringIO):
    """Standard error, as a terminal or as a file."""

    is_a_tty = False

    def isatty(self) -> bool:
        return self.is_a_tty


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """What was logged; logging is as before afterwards."""
    root = logging.getLogger()
    before = (list(root.handlers), root.level, {name: logging.getLogger(name).level for name in NAMES})
    stream = Terminal()
    # Not `sys.stderr` itself, which pytest replaces between this fixture and its test.
    monkeypatch.setattr(logs, "sys", SimpleNamespace(stderr=stream))
    yield stream
    root.handlers[:], level, libraries = before
    root.setLevel(level)
    for name, found in libraries.items():
        logging.getLogger(name).setLevel(found)
    structlog.reset_defaults()


def lines(stream: Terminal) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_has_the_event_its_fields_and_who_says_it(stderr: Terminal) -> None:
    logs.configure(fmt="json", group_id="flights", group_instance_id="flights-0")
    structlog.get_logger("framework.x").warning("membership.retry", code=14, group_id="another")
    (line,) = lines(stderr)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "membership.retry",
        "code": 14,
        "level": "warning",
        "group_id": "another",
        "group_instance_id": "flights-0",
    }


def test_console_is_for_people(stderr: Terminal) -> None:
    logs.configure(fmt="console", group_id="flights")
    structlog.get_logger("framework.x").info("worker.state", state="running")
    (line,) = stderr.getvalue().splitlines()
    assert "worker.state" in line
    assert "state=running" in line
    assert "group_id=flights" in line
    assert "\x1b" not in line


@pytest.mark.parametrize(("is_a_tty", "is_json"), [(True, False), (False, True)])
def test_auto_is_json_where_nobody_looks(is_a_tty: bool, is_json: bool, stderr: Terminal) -> None:
    stderr.is_a_tty = is_a_tty
    logs.configure()
    structlog.get_logger("framework.x").info("worker.state")
    assert stderr.getvalue().startswith("{") is is_json


def test_fields_are_there_in_other_threads(stderr: Terminal) -> None:
    logs.configure(fmt="json", group_instance_id="flights-0")
    thread = threading.Thread(target=lambda: structlog.get_logger("framework.x").info("from a thread"))
    thread.start()
    thread.join()
    assert lines(stderr)[0]["group_instance_id"] == "flights-0"


def test_lines_of_the_standard_library_look_the_same(stderr: Terminal) -> None:
    logs.configure(fmt="json", group_id="flights")
    logging.getLogger("shop.orders").info("an order of %d", 3)
    (line,) = lines(stderr)
    assert line["event"] == "an order of 3"
    assert (line["level"], line["logger"], line["group_id"]) == ("info", "shop.orders", "flights")


@pytest.mark.parametrize(
    ("level", "heard"),
    [("DEBUG", ["debug", "info", "warning", "error"]), ("INFO", ["warning", "error"]), ("ERROR", ["error"])],
)
@pytest.mark.parametrize("name", ["faust.app", "aiokafka.consumer", "mode"])
def test_libraries_speak_up_only_when_something_is_wrong(
    level: str, heard: list[str], name: str, stderr: Terminal
) -> None:
    logs.configure(level, "json")
    for said in ("debug", "info", "warning", "error"):
        getattr(logging.getLogger(name), said)("x")
    assert [line["level"] for line in lines(stderr)] == heard


@pytest.mark.parametrize(
    ("level", "heard"),
    [("DEBUG", ["debug", "info", "warning"]), ("INFO", ["info", "warning"]), ("WARNING", ["warning"])],
)
def test_user_speaks_through_the_log_of_the_app_and_of_an_agent(level: str, heard: list[str], stderr: Terminal) -> None:
    logs.configure(level, "json")
    app = offline_app()
    agent = app.agent(app.topic("flights"))(lambda stream: stream)
    for log in (app.log, agent.log, app.logger):
        for said in ("debug", "info", "warning", "warning"):
            getattr(log, said)("x")
    found = [line["level"] for line in lines(stderr)]
    assert found == [*heard, "warning"] * 3, "each line is the user's, also one that is said twice"


@pytest.mark.parametrize(("level", "heard"), [("DEBUG", ["x"]), ("INFO", []), ("WARNING", [])])
def test_what_faust_says_through_the_log_of_the_app_is_chatter(level: str, heard: list[str], stderr: Terminal) -> None:
    logs.configure(level, "json")
    said = compile("log.info('x')", faust.app.__file__, "exec")
    exec(said, {"log": offline_app().log})
    assert [line["event"].rpartition(" ")[2] for line in lines(stderr)] == heard


@pytest.mark.parametrize(("level", "heard"), [("DEBUG", 3), ("INFO", 2), ("WARNING", 1), ("ERROR", 0)])
def test_level(level: str, heard: int, stderr: Terminal) -> None:
    logs.configure(level, "json")
    log = structlog.get_logger("framework.x")
    log.debug("x")
    log.info("x")
    log.warning("x")
    assert len(lines(stderr)) == heard


def test_configured_again_it_says_each_line_once(stderr: Terminal) -> None:
    logs.configure(fmt="json")
    log = structlog.get_logger("framework.x")
    logs.configure(fmt="json", pid=7)
    log.info("x")
    assert [line["pid"] for line in lines(stderr)] == [7]


@pytest.mark.parametrize("fmt", ["json", "console"])
def test_secrets_need_no_special_care(fmt: str, stderr: Terminal) -> None:
    logs.configure(fmt=fmt)
    structlog.get_logger("framework.x").info("settings", sasl_password=SecretStr("hunter2"))
    assert "hunter2" not in stderr.getvalue()
    assert "**********" in stderr.getvalue()


def test_traceback_stays_within_its_line(stderr: Terminal) -> None:
    logs.configure(fmt="json")
    try:
        raise ValueError("a bug")
    except ValueError:
        structlog.get_logger("framework.x").exception("worker.crashed")
    (line,) = lines(stderr)
    assert "ValueError: a bug" in line["exception"]


def test_what_json_cannot_hold_is_written_as_text(stderr: Terminal) -> None:
    logs.configure(fmt="json")
    structlog.get_logger("framework.x").info("x", topics={"a"}, error=ValueError("b"))
    (line,) = lines(stderr)
    assert (line["topics"], line["error"]) == ("{'a'}", "ValueError('b')")


def test_flush_writes_out_what_handlers_hold(stderr: Terminal) -> None:
    logs.configure(fmt="json")
    flushed: list[bool] = []
    stderr.flush = lambda: flushed.append(True)  # type: ignore[method-assign]
    logs.flush()
    assert flushed


def test_what_a_library_repeats_is_shown_once_and_what_we_repeat_always() -> None:
    chatter = logs.Chatter()
    away = logging.LogRecord("aiokafka.client", logging.ERROR, "", 0, "Unable connect to node %s", (1,), None)
    other = logging.LogRecord("aiokafka.client", logging.ERROR, "", 0, "Unable to update metadata from %s", (1,), None)
    ours = logging.LogRecord("framework.worker", logging.ERROR, "", 0, "worker.forced", (), None)
    assert [chatter.filter(record) for record in (away, away, other, ours, ours)] == [True, False, True, True, True]
    later = logging.LogRecord("aiokafka.client", logging.ERROR, "", 0, "Unable connect to node %s", (2,), None)
    later.created = away.created + logs.REPEAT_AFTER
    assert chatter.filter(later)


def test_our_part_of_a_library_says_the_same_of_another_partition() -> None:
    chatter = logs.Chatter()
    said = ("faust.framework.consumer", logging.WARNING, logs.__file__, 0, "[%s] begins anew at offset %s")
    first, second = (logging.LogRecord(*said, (partition, 0), None) for partition in ("a[0]", "a[1]"))
    assert [chatter.filter(record) for record in (first, second, first)] == [True, True, False]


def test_what_may_be_said_again_is_not_remembered_for_ever() -> None:
    chatter = logs.Chatter()
    for number in range(3000):
        said = logging.LogRecord(
            "faust.framework.agents", logging.WARNING, logs.__file__, 0, "failed at %s", (number,), None
        )
        said.created = number / 100
        assert chatter.filter(said)
        assert not chatter.filter(said)
    assert len(chatter._last) < 2100
