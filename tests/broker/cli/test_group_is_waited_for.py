"""`framework group wait` returns when the group is as it should be, and says what is missing when the time is up."""

import json
import signal

from framework import ExitCode
from framework.testing import eventually
from tests.support.crew import Crew
from tests.support.operator import Operator


def test_in_time_and_too_late(crew: Crew, operator: Operator) -> None:
    with operator.start("group", "wait", "--stable", "--seats", "2", "--timeout", "60") as waiting:
        crew.join("w-0", "w-1", speaks=False)
        out, errors = waiting.communicate(timeout=60)
    assert waiting.returncode == ExitCode.OK, errors
    assert out == f"Group '{crew.group_id}' is Stable with 2 seats.\n"

    late = operator("group", "wait", "--seats", "3", "--timeout", "0.5", "--json")
    assert late.returncode == ExitCode.CHECK_FAILED
    answer = json.loads(late.stdout)
    assert (answer["ok"], answer["missing"]) == (False, ["it has 2 of 3 seats (w-0, w-1)"])
    assert "after 0.5 s: it has 2 of 3 seats" in late.stderr


def test_interrupted(crew: Crew, operator: Operator) -> None:
    crew.join("w-0", speaks=False)
    with operator.start("group", "wait", "--seats", "2", "--timeout", "60") as waiting:
        # It waits for the group, and so nothing but its connections tells that it has begun.
        eventually(lambda: _has_connected(waiting.pid), within=20.0)
        waiting.send_signal(signal.SIGINT)
        _, errors = waiting.communicate(timeout=20)
    assert waiting.returncode == ExitCode.CHECK_FAILED, errors
    assert "the wait was interrupted" in errors
    assert "Traceback" not in errors


def _has_connected(pid: int) -> bool:
    import psutil

    return any(found.status == psutil.CONN_ESTABLISHED for found in psutil.Process(pid).net_connections())
