"""A seat changes hands: what the roster shows of it, step by step, and how long it stood still."""

import pytest

from framework.membership.passing import Passing, Phase
from framework.membership.roster import Order, OrderKind
from framework.states import SeatState
from tests.unit.membership.fake_standby import Scene, client_id, owner_of, process, promoted, stopped


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.speak()
    return scene


def passing_of(scene: Scene, *, to: int | None = 10, kind: OrderKind = OrderKind.HANDOVER) -> Passing:
    order = Order("w-0", kind, client_id("w-0", 0), client_id("s-0", 10))
    return Passing(order, process(to) if to is not None else None, scene.roster.view, scene.roster.now)


def phase(scene: Scene, passing: Passing) -> Phase:
    passing.look(scene.roster.view, scene.roster.now)
    return passing.phase


def test_handover(scene: Scene) -> None:
    passing = passing_of(scene)
    assert phase(scene, passing) is Phase.ASKED
    scene.write(owner_of("w-0", 0, state=SeatState.STOPPING, reason="handover"))
    assert phase(scene, passing) is Phase.STOPPING
    scene.roster.now += 0.25
    scene.write(stopped("w-0", 0))
    assert phase(scene, passing) is Phase.EMPTY
    scene.roster.now += 0.25
    scene.write(promoted("w-0", 10, "s-0", state=SeatState.STARTING))
    assert phase(scene, passing) is Phase.STARTING
    assert passing.standstill is None
    scene.roster.now += 0.5
    scene.write(promoted("w-0", 10, "s-0"))
    assert phase(scene, passing) is Phase.DONE
    scene.roster.now += 1.0
    scene.write(promoted("w-0", 10, "s-0"))
    assert phase(scene, passing) is Phase.DONE
    assert (passing.standstill, passing.is_at_least, passing.is_stranger) == (1.0, False, False)


def test_first_word_of_the_stop_is_missed(scene: Scene) -> None:
    passing = passing_of(scene)
    scene.write(stopped("w-0", 0))
    phase(scene, passing)
    scene.roster.now += 0.25
    scene.write(promoted("w-0", 10, "s-0"))
    phase(scene, passing)
    assert (passing.standstill, passing.is_at_least) == (0.25, True)


def test_somebody_else_sits_down(scene: Scene) -> None:
    passing = passing_of(scene)
    scene.write(promoted("w-0", 12, "s-2"))
    assert phase(scene, passing) is Phase.DONE
    assert passing.is_stranger


def test_the_expected_one_counts_before_a_stranger(scene: Scene) -> None:
    passing = passing_of(scene)
    scene.write(promoted("w-0", 10, "s-0", state=SeatState.STARTING))
    scene.write(owner_of("w-0", 3))
    assert phase(scene, passing) is Phase.STARTING
    assert not passing.is_stranger


def test_who_was_there_before_is_no_newcomer(scene: Scene) -> None:
    scene.write(owner_of("w-0", 3))
    passing = passing_of(scene)
    scene.write(owner_of("w-0", 3))
    assert phase(scene, passing) is Phase.ASKED


@pytest.mark.parametrize("state", [SeatState.RUNNING, SeatState.STOPPING])
def test_drill_takes_whoever_comes(scene: Scene, state: SeatState) -> None:
    passing = passing_of(scene, to=None, kind=OrderKind.DRILL)
    scene.write(owner_of("w-0", 0, state=state, reason="drill", uncommitted=12))
    assert phase(scene, passing) is Phase.EMPTY
    scene.roster.now += 4.0
    scene.write(promoted("w-0", 12, "s-2", "drill"))
    assert phase(scene, passing) is Phase.DONE
    assert (passing.standstill, passing.is_stranger) == (4.0, False)


def test_death_without_a_word_has_no_known_standstill(scene: Scene) -> None:
    passing = passing_of(scene, to=None, kind=OrderKind.DRILL)
    scene.write(promoted("w-0", 10, "s-0", "takeover"))
    assert phase(scene, passing) is Phase.DONE
    assert passing.standstill is None
