"""`framework group describe` shows seats, processes, states and partitions, once, again and again, and to machines."""

import json
import re
import signal

from framework import ExitCode
from tests.support.crew import Crew
from tests.support.operator import Operator


def test_to_a_person_and_to_a_machine(crew: Crew, operator: Operator) -> None:
    crew.join("w-0", "w-1")
    crew.join("w-2", "guest", speaks=False)
    shown = operator("group", "describe")
    assert shown.returncode == ExitCode.OK, shown.stderr
    assert f"Group {crew.group_id}: Stable, 3 seats, 1 dynamic member, generation" in shown.stdout
    # Two spaces or more stand between two cells.
    rows = {cells[0]: cells for line in shown.stdout.splitlines() if (cells := re.split(r"\s{2,}", line.strip()))}
    assert rows["w-0"][1] == "box, 4711"
    assert rows["w-0"][2].startswith("running, ")
    assert rows["w-2"][2] == "-"

    found = operator.document("group", "describe")
    assert [seat["group_instance_id"] for seat in found["seats"]] == ["w-0", "w-1", "w-2", None]
    assert [seat["is_live"] for seat in found["seats"]] == [True, True, None, None]
    assert sorted(p for seat in found["seats"] for p in seat["assignment"][crew.topic]) == list(range(8))
    assert found["unowned"] == []
    assert found["roster_problem"] is None


def test_again_and_again_until_interrupted(crew: Crew, operator: Operator) -> None:
    crew.join("w-0", speaks=False)
    with operator.start("group", "describe", "--watch", "--json") as watching:
        assert watching.stdout is not None
        seen = [json.loads(watching.stdout.readline()) for _ in range(2)]
        watching.send_signal(signal.SIGINT)
        _, errors = watching.communicate(timeout=20)
    assert [found["seats"][0]["group_instance_id"] for found in seen] == ["w-0", "w-0"]
    assert "does not exist" in seen[0]["roster_problem"]
    assert (watching.returncode, errors) == (ExitCode.OK, "")


def test_group_that_does_not_exist(operator: Operator) -> None:
    for words in (["group", "describe"], ["group", "remove", "w-0"], ["scale", "--to", "2"]):
        ended = operator(*words)
        assert ended.returncode == ExitCode.NOT_FOUND, ended.stderr
        assert f"There is no group '{operator.group_id}'" in ended.stderr
        assert ended.stderr.count("\n") == 1
