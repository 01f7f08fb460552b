"""`framework standby status`: its table, its document, what the check says, and when a look can be trusted."""

import asyncio
import io
from dataclasses import replace

import pytest
from rich.console import Console

from framework.cli.standby_documents import document
from framework.cli.standby_status import unprotected
from framework.cli.standby_wording import table_of
from framework.membership.protection import Protection
from framework.states import SeatState, ShadowState
from tests.unit.cli.fake_tools import FakeTools
from tests.unit.membership.fake_standby import Scene, group_of, owner_of, promoted, standby_of


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.speak()
    return scene


def shown(found: Protection) -> str:
    out = io.StringIO()
    Console(file=out, width=220, highlight=False, markup=False).print(table_of(found))
    return " ".join(out.getvalue().split())


def test_table(scene: Scene) -> None:
    scene.write(standby_of("s-1", 11, {"w-1": 1204}, state=ShadowState.WARMING, problem="The log is long."))
    text = shown(scene.look())
    assert text.startswith("Group flights: 1 of 2 seats protected by flights-standby, 2 workers")
    assert "w-0 box-0, 4000 running, 0.0 s ago s-0, box-10 7 yes - at home" in text
    assert "w-1 box-1, 4001 running, 0.0 s ago s-1, box-11 1,204 no: s-1 is warming, 1,204 behind" in text
    assert "s-0 box-10, 4010 warm, 0.0 s ago w-0" in text
    assert text.endswith("s-1: The log is long.")


def test_table_after_a_takeover(scene: Scene) -> None:
    scene.write(promoted("w-0", 10, "s-0", "takeover", since_ms=1_700_000_000_000))
    text = shown(scene.look())
    for part in (
        "box-10, 4010",
        "from s-0",
        "no: s-0 sits in the seat itself now",
        "takeover from w-0@box-0",
        "silent for 3.2 s",
        "took 0.50 s",
        "2023-11-14 22:13:20 UTC",
        "sits in w-0",
    ):
        assert part in text


def test_handover_has_no_silence(scene: Scene) -> None:
    scene.write(promoted("w-0", 12, "s-2", state=SeatState.STARTING))
    text = shown(scene.look())
    assert "handover from w-0@box-0" in text
    assert "silent for" not in text
    assert "UTC" not in text


def test_remarks(scene: Scene) -> None:
    scene.standby_group = group_of("s-0", group_id="flights-standby")
    scene.roster.now += 12.0
    scene.write(standby_of("s-0", 10, {"w-0": 7}))
    text = shown(scene.look("The roster cannot be read."))
    assert "running, silent, 12.0 s ago" in text
    assert "warm, silent, 12.0 s ago" in text
    assert "s-1 is not in group flights-standby." in text
    assert text.endswith("The roster cannot be read.")


def test_no_standbys() -> None:
    scene = Scene()
    scene.write(owner_of("w-0", 0, lease=0.0))
    text = shown(scene.look())
    assert "Group flights: 0 of 2 seats protected" in text
    assert "no: no shadow" in text
    assert "no: its owner is not in the roster" in text
    assert "No worker of a standby group 'flights-standby' has been seen." in text
    assert "--role standby" in text


def test_document(scene: Scene) -> None:
    scene.write(promoted("w-1", 12, "s-2", "takeover"))
    found = document(scene.look())
    assert (found["group_id"], found["standby_group_id"], found["protected"]) == ("flights", "flights-standby", True)
    first, second = found["seats"]  # type: ignore[misc]
    assert (first["protected"], first["why_not"], first["takeover"], first["is_live"]) == (True, None, None, True)
    assert first["owner"] == {
        "client_id": "w-0@box-0#1700000000000-00000000",
        "host": "box-0",
        "pid": 4000,
        "start_ms": 1_700_000_000_000,
        "standby_id": None,
        "state": "running",
        "lease": 3.0,
    }
    assert first["shadows"] == [{"standby_id": "s-0", "host": "box-10", "state": "warm", "lag": 7, "ready": True}]
    assert (second["owner"]["standby_id"], second["takeover"]["kind"], second["takeover"]["took"]) == (
        "s-2",
        "takeover",
        0.5,
    )
    standby = found["standbys"][0]  # type: ignore[index]
    assert (standby["state"], standby["lags"], standby["in_group"], standby["sits_in"]) == (
        "warm",
        {"w-0": 7},
        True,
        None,
    )


def test_document_of_an_unknown_owner() -> None:
    found = document(Scene().look())
    assert [seat["owner"] for seat in found["seats"]] == [None, None]  # type: ignore[attr-defined]
    assert found["standbys"] == []


def test_check(scene: Scene) -> None:
    scene.write(standby_of("s-0", 10, {}))
    assert unprotected(scene.look()) == "Not protected in group 'flights': 1 of 2 seats (w-0: no shadow)."
    assert unprotected(scene.look("Try again later.")).endswith("nobody can tell who lives). Try again later.")
    assert "has no seat that could be protected" in unprotected(Scene(group=group_of()).look())


def test_all_died_together_just_before_the_look(scene: Scene) -> None:
    """To a reader that has just begun, the last entries of a dead cluster look fresh."""
    fake = FakeTools(scene, keeps_speaking=False)
    assert scene.look().is_complete
    asyncio.run(fake.tools().watch())
    assert not asyncio.run(fake.tools().look()).is_complete


def test_look_at_the_living_takes_no_longer_than_an_entry(scene: Scene) -> None:
    fake, start = FakeTools(scene), scene.roster.now
    asyncio.run(fake.tools().watch())
    assert scene.roster.now - start < 0.5
    assert asyncio.run(fake.tools().look()).is_complete


def test_the_workers_say_which_group_they_are_in(scene: Scene) -> None:
    tools = replace(FakeTools(scene).tools(), standby_group_id="spares")
    assert asyncio.run(tools.look()).standby_group_id == "flights-standby"
    empty = replace(FakeTools(Scene()).tools(), standby_group_id="spares")
    assert asyncio.run(empty.look()).standby_group_id == "spares"


def test_standby_group_that_may_not_be_looked_at(scene: Scene) -> None:
    scene.standby_group = None
    assert asyncio.run(FakeTools(scene).tools().look()).is_complete
