"""`framework scale` removes the dead, lets the living leave one at a time, and can be broken off and run again."""

import json
import signal
from typing import Any

from framework import ExitCode
from framework.testing import eventually
from tests.support.crew import Crew
from tests.support.operator import Operator


def test_down_and_up(crew: Crew, operator: Operator) -> None:
    crew.join("w-0", "w-1", "w-2", "w-3", "w-10")
    crew.kill("w-2")

    planned = operator.document("scale", "--to", "2", "--dry-run")
    assert (planned["stays"], planned["removed"], planned["leaves"]) == (["w-0", "w-1"], ["w-2"], ["w-10", "w-3"])
    assert operator.document("group", "describe")["wanted"] is None

    ended = operator("scale", "--to", "2")
    assert ended.returncode == ExitCode.OK, ended.stderr
    done = [line for line in ended.stdout.splitlines() if "stood still for" in line]
    assert [line.split()[4] for line in done] == ["w-2", "w-10", "w-3"]
    assert "Step 2 of 3: w-10 finishes its work." in ended.stdout
    assert ended.stdout.endswith("The group is Stable with 2 seats, and every partition is in work.\n")
    group = crew.group()
    assert (group.state, group.seats) == ("Stable", {"w-0", "w-1"})
    assert sorted(p for member in group.members for p in member.assignment[crew.topic]) == list(range(8))
    assert operator.document("group", "describe")["wanted"] == {"count": 2, "surplus": []}

    up = operator.document("scale", "--to", "4")
    assert (up["complete"], up["missing"], up["steps"]) == (True, 2, [])
    assert operator.document("group", "describe")["wanted"] == {"count": 4, "surplus": []}


def test_standstill_is_measured(crew: Crew, operator: Operator) -> None:
    crew.join("w-0", "w-1")
    done: Any = operator.document("scale", "--to", "1")
    (step,) = done["steps"]
    assert (step["group_instance_id"], step["action"]) == ("w-1", "left")
    # It works off what it has for half a second, and then the other one has to notice.
    assert 0.4 <= step["standstill"] <= step["seconds"] + 0.2
    assert step["generation_id"] == operator.document("group", "describe")["generation_id"]


def test_worker_that_does_not_leave(crew: Crew, operator: Operator) -> None:
    crew.join("w-0", "w-1", listens=False)
    late = operator("scale", "--to", "1", "--timeout", "3", "--json")
    assert late.returncode == ExitCode.CHECK_FAILED
    assert "seat w-1 is still in the group" in late.stderr
    answer = json.loads(late.stdout)
    assert (answer["complete"], answer["steps"][0]["phase"]) == (False, "asked")
    assert operator.document("group", "describe")["wanted"] == {"count": 1, "surplus": []}


def test_interrupted_and_run_again(crew: Crew, operator: Operator) -> None:
    crew.join("w-0", "w-1", listens=False)
    with operator.start("scale", "--to", "1") as scaling:
        eventually(lambda: _wanted(operator) == {"count": 1, "surplus": ["w-1"]}, within=30.0)
        scaling.send_signal(signal.SIGINT)
        _, errors = scaling.communicate(timeout=20)
    assert scaling.returncode == ExitCode.CHECK_FAILED
    assert "was interrupted: 0 of 1 seat had gone; w-1 is asked to leave" in errors
    assert "Traceback" not in errors
    assert _wanted(operator) == {"count": 1, "surplus": []}

    crew.kill("w-1")
    done: Any = operator.document("scale", "--to", "1")
    assert [(step["group_instance_id"], step["action"]) for step in done["steps"]] == [("w-1", "removed")]


def _wanted(operator: Operator) -> Any:
    return operator.document("group", "describe")["wanted"]
