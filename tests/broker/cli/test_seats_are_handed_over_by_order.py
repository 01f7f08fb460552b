"""`framework standby` shows who protects whom, and brings seats to their shadows by orders in the roster."""

import json
import signal
from collections.abc import Iterator

import pytest

from framework import ExitCode
from framework.states import ShadowState
from framework.testing import eventually
from tests.support.crew import Crew
from tests.support.operator import Operator
from tests.support.understudies import Understudies


@pytest.fixture
def cast(crew: Crew) -> Iterator[Understudies]:
    crew.join("w-0", "w-1", speaks=False)
    with Understudies(crew.bootstrap_servers, crew.group_id, {"w-0": "s-0", "w-1": "s-1"}) as cast:
        yield cast


def test_status(cast: Understudies, operator: Operator) -> None:
    found = operator.document("standby", "status")
    assert found["standby_group_id"] == f"{operator.group_id}-standby"
    assert [(seat["group_instance_id"], seat["protected"], seat["why_not"]) for seat in found["seats"]] == [
        ("w-0", True, None),
        ("w-1", True, None),
    ]
    assert [(line["standby_id"], line["in_group"]) for line in found["standbys"]] == [("s-0", False), ("s-1", False)]
    checked = operator("standby", "status", "--check")
    assert checked.returncode == ExitCode.OK, checked.stderr
    assert "2 of 2 seats protected" in checked.stdout

    cast.warm("s-1", ShadowState.WARMING, 1204)
    cast.kill("w-0")
    failed = eventually(
        lambda: (
            ended
            if "s-1 is warming" in (ended := operator("standby", "status", "--check")).stderr
            and "silent" in ended.stderr
            else None
        ),
        within=30.0,
    )
    assert failed.returncode == ExitCode.CHECK_FAILED
    assert "(w-0: its owner is silent; w-1: s-1 is warming, 1,204 behind)" in failed.stderr


def test_watch(cast: Understudies, operator: Operator) -> None:
    with operator.start("standby", "status", "--watch", "--json") as process:
        assert process.stdout is not None
        lines = [json.loads(process.stdout.readline())]
        # On a busy machine an entry may be late now and then.
        while len(lines) < 10 and [line["protected"] for line in lines[-2:]] != [True, True]:
            lines.append(json.loads(process.stdout.readline()))
        process.send_signal(signal.SIGINT)
        assert process.wait(20.0) == ExitCode.OK
    assert [line["protected"] for line in lines[-2:]] == [True, True]


def test_handover(cast: Understudies, operator: Operator) -> None:
    cast.warm("s-0", ShadowState.WARMING, 9)
    refused = operator("standby", "handover", "w-0", "--timeout", "1")
    assert refused.returncode == ExitCode.CHECK_FAILED
    assert "'w-0'" in refused.stderr
    assert "s-0 is warming, 9 behind. It has been waited for 1 s" in refused.stderr

    cast.warm("s-0", ShadowState.WARM, 0)
    found = operator.document("standby", "handover", "--all")
    assert [(seat["group_instance_id"], seat["standby_id"], seat["complete"]) for seat in found["seats"]] == [
        ("w-0", "s-0", True),
        ("w-1", "s-1", True),
    ]
    for seat in found["seats"]:
        assert seat["to"]["client_id"].startswith(f"{seat['group_instance_id']}@box-1")
        assert not seat["standstill_is_at_least"]
        # 0.3 s until it has stopped, 0.2 s until the other one runs.
        assert 0.5 <= seat["standstill"] < 3.0

    again = operator("standby", "handover", "w-0", "--to", "s-0")
    assert again.returncode == ExitCode.OK, again.stderr
    assert "s-0 (w-0@box-10) sits in it already" in again.stdout
    refused = operator("standby", "handover", "w-0")
    assert refused.returncode == ExitCode.CHECK_FAILED
    assert "cannot be handed over: no shadow" in refused.stderr


def test_owner_that_does_not_listen(cast: Understudies, operator: Operator) -> None:
    cast.stop_listening()
    refused = operator("standby", "handover", "w-1", "--timeout", "2", "--json")
    assert refused.returncode == ExitCode.CHECK_FAILED
    assert "its owner has not obeyed yet. w-1@box-1#" in refused.stderr
    assert json.loads(refused.stdout)["seats"][0]["complete"] is False


def test_interrupted(cast: Understudies, operator: Operator) -> None:
    cast.stop_listening()
    with operator.start("standby", "handover", "--all", "--json") as process:
        assert eventually(lambda: cast.has_heard("w-0"), within=20.0)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20.0)
    assert process.returncode == ExitCode.CHECK_FAILED
    assert "The handover was interrupted; handed over before: 0 seats." in err
    assert json.loads(out)["complete"] is False


def test_drill(cast: Understudies, operator: Operator) -> None:
    found = operator.document("standby", "drill", "w-1", "--yes")
    assert (found["complete"], found["standby_id"], found["duplicates_at_most"]) == (True, "s-1", 5)
    assert (found["detection"], found["takeover"]) == (1.25, 0.25)
    assert 1.5 <= found["standstill"] < 5.0
    refused = operator("standby", "drill", "w-1", "--yes")
    assert refused.returncode == ExitCode.CHECK_FAILED
    assert "not protected: no shadow" in refused.stderr


def test_names_that_do_not_exist(cast: Understudies, operator: Operator) -> None:
    unknown = operator("standby", "handover", "w-7")
    assert unknown.returncode == ExitCode.NOT_FOUND
    assert "has no seat 'w-7'. It has w-0, w-1." in unknown.stderr
    for command in (["status"], ["handover", "--all"], ["drill", "w-0", "--yes"]):
        missing = operator("standby", *command, group="nosuch")
        assert missing.returncode == ExitCode.NOT_FOUND
        assert "There is no group 'nosuch'" in missing.stderr


def test_standbys_are_no_seats(cast: Understudies, operator: Operator) -> None:
    found = operator.document("group", "describe")
    assert [seat["group_instance_id"] for seat in found["seats"]] == ["w-0", "w-1"]
    refused = operator("group", "remove", "s-0")
    assert refused.returncode == ExitCode.NOT_FOUND
    planned = operator.document("scale", "--to", "1", "--dry-run")
    assert (planned["stays"], planned["leaves"]) == (["w-0"], ["w-1"])


def test_without_a_roster(crew: Crew, operator: Operator) -> None:
    crew.join("w-0", speaks=False)
    refused = operator("standby", "status")
    assert refused.returncode == ExitCode.NOT_ALLOWED
    assert "roster" in refused.stderr
    assert "cannot be read" in refused.stderr
