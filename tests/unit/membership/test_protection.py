"""Which seats are protected: every condition alone decides, and says why."""

from dataclasses import replace

import pytest

from framework.membership.roster import Entry, Shadowing
from framework.states import SeatState, ShadowState, StopReason
from tests.unit.membership.fake_roster import entry_of
from tests.unit.membership.fake_standby import Scene, group_of, owner_of, promoted, standby_of


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.speak()
    return scene


def test_all_is_well(scene: Scene) -> None:
    found = scene.look()
    assert [(line.seat, line.is_protected, line.is_live) for line in found.seats] == [
        ("w-0", True, True),
        ("w-1", True, True),
    ]
    assert [[(shadow.standby_id, shadow.lag) for shadow in line.shadows] for line in found.seats] == [
        [("s-0", 7)],
        [("s-1", 0)],
    ]
    assert [(line.standby_id, line.is_in_group, line.sits_in) for line in found.standbys] == [
        ("s-0", True, ""),
        ("s-1", True, ""),
    ]
    assert found.is_complete


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (owner_of("w-0", 0, lease=0.0), "its owner has not heard of its shadow yet"),
        (owner_of("w-0", 0, state=SeatState.STOPPED), "nobody sits in it"),
        (owner_of("w-0", 0, state=SeatState.STOPPING, reason=StopReason.HANDOVER.value), "it is changing hands"),
        (owner_of("w-0", 0, state=SeatState.STOPPING, reason=StopReason.DRILL.value), "it is changing hands"),
        (owner_of("w-0", 0, state=SeatState.RUNNING, reason=StopReason.DRILL.value), "it is changing hands"),
        (owner_of("w-0", 0, state=SeatState.STOPPING, reason=StopReason.RESTART.value), ""),
        (owner_of("w-0", 0, state=SeatState.STARTING), ""),
        (standby_of("s-0", 10, {}), "no shadow"),
        (standby_of("s-0", 10, {"w-0": 7}, state=ShadowState.STARTING), "s-0 is starting"),
        (standby_of("s-0", 10, {"w-0": 1204}, state=ShadowState.WARMING), "s-0 is warming, 1,204 behind"),
        (standby_of("s-0", 10, {"w-0": None}, state=ShadowState.WARMING), "s-0 is warming"),
        (standby_of("s-0", 10, {"w-0": None}), "s-0 does not know yet how far behind it is"),
        (standby_of("s-0", 10, {"w-0": 7}, state=ShadowState.DEAF), "s-0 cannot use the roster just now"),
        (
            standby_of("s-0", 10, {"w-0": 7}, state=ShadowState.DIFFERENT),
            "s-0 has other tables than the primary group",
        ),
        (standby_of("s-0", 10, {"w-0": 7}, state=ShadowState.NO_PRIMARY), "s-0 has not seen a primary yet"),
        (standby_of("s-0", 10, {"w-0": 7}, state=ShadowState.NO_SEAT), "s-0 has no seat to shadow"),
        (replace(standby_of("s-0", 10, {"w-0": 7}), state=SeatState.STOPPING), "s-0 is stopping"),
        (replace(standby_of("s-0", 10, {"w-0": 7}), state=SeatState.STOPPED), "no shadow"),
        (replace(standby_of("s-0", 10, {"w-0": 7}), state=SeatState.LEFT), "no shadow"),
    ],
)
def test_one_thing_is_not_well(scene: Scene, entry: Entry, why: str) -> None:
    scene.write(entry)
    assert scene.why_not() == why
    assert scene.why_not("w-1") == ""
    assert scene.look().is_complete is (not why)


def test_owner_is_silent_after_the_shortest_failover(scene: Scene) -> None:
    scene.roster.now += 2.9
    scene.write(standby_of("s-0", 10, {"w-0": 7}))
    assert scene.why_not() == ""
    scene.roster.now += 0.2
    assert scene.why_not() == "its owner is silent"
    line = scene.look().line("w-0")
    assert line is not None
    assert not line.is_live


def test_owner_that_writes_rarely_is_given_time(scene: Scene) -> None:
    scene.write(owner_of("w-0", 0, interval=2.0))
    scene.roster.now += 4.9
    scene.write(standby_of("s-0", 10, {"w-0": 7}))
    assert scene.why_not() == ""


def test_owner_without_a_lease_is_silent_when_its_entry_is_stale(scene: Scene) -> None:
    scene.write(owner_of("w-0", 0, lease=0.0))
    scene.roster.now += 9.9
    assert scene.why_not() != "its owner is silent"
    scene.roster.now += 0.2
    assert scene.why_not() == "its owner is silent"


def test_shadow_is_silent(scene: Scene) -> None:
    scene.roster.now += 3.1
    scene.write(owner_of("w-0", 0))
    assert scene.why_not() == "s-0 is silent"
    assert [line.is_silent for line in scene.look().standbys] == [True, True]


def test_second_shadow_is_enough(scene: Scene) -> None:
    scene.write(standby_of("s-0", 10, {"w-0": 9}, state=ShadowState.WARMING))
    scene.write(standby_of("s-1", 11, {"w-0": 5, "w-1": 0}))
    scene.write(standby_of("s-2", 12, {"w-0": 2}))
    line = scene.look().line("w-0")
    assert line is not None
    assert line.is_protected
    assert [shadow.standby_id for shadow in line.ready] == ["s-2", "s-1"]


def test_every_shadow_says_why(scene: Scene) -> None:
    scene.write(standby_of("s-0", 10, {"w-0": 9}, state=ShadowState.WARMING))
    scene.write(standby_of("s-1", 11, {"w-0": 5, "w-1": 0}, state=ShadowState.DEAF))
    assert scene.why_not() == "s-0 is warming, 9 behind; s-1 cannot use the roster just now"


def test_process_does_not_protect_its_own_seat_nor_another(scene: Scene) -> None:
    scene.write(standby_of("s-0", 10, {"w-0": 7, "w-1": 3}))
    scene.write(standby_of("s-1", 11, {}))
    scene.write(promoted("w-0", 10, "s-0"))
    assert scene.why_not("w-0") == "s-0 sits in the seat itself now"
    assert scene.why_not("w-1") == "s-0 sits in seat w-0 now"
    assert [line.sits_in for line in scene.look().standbys] == ["w-0", ""]


def test_seat_outside_the_group_is_taken_over_by_nobody(scene: Scene) -> None:
    scene.group = group_of("w-1")
    assert scene.why_not() == "its owner is not in the group"


def test_member_that_does_not_speak(scene: Scene) -> None:
    scene.group = group_of("w-0", "w-1", "w-2")
    assert scene.why_not("w-2") == "its owner is not in the roster"


def test_owner_is_who_holds_the_seat_not_who_wrote_last(scene: Scene) -> None:
    scene.write(promoted("w-0", 12, "s-2"))
    scene.write(owner_of("w-0", 0, member_id="fenced"))
    line = scene.look().line("w-0")
    assert line is not None
    assert line.owner is not None
    assert line.owner.entry.standby_id == "s-2"


def test_nobody_can_tell_who_lives(scene: Scene) -> None:
    found = scene.look("The roster cannot be read.")
    assert [line.why_not for line in found.seats] == ["nobody can tell who lives"] * 2
    assert (found.problem, found.is_complete) == ("The roster cannot be read.", False)


def test_those_who_left_are_left_out(scene: Scene) -> None:
    scene.write(owner_of("w-0", 0, state=SeatState.LEFT))
    scene.write(replace(standby_of("s-0", 10, {"w-0": 7}), state=SeatState.LEFT))
    scene.group = group_of("w-1")
    found = scene.look()
    assert [line.seat for line in found.seats] == ["w-1"]
    assert [line.standby_id for line in found.standbys] == ["s-1"]


def test_group_without_seats_is_not_protected() -> None:
    scene = Scene(group=group_of())
    assert not scene.look().is_complete


def test_standby_group_that_nobody_may_look_at(scene: Scene) -> None:
    scene.standby_group = None
    found = scene.look()
    assert found.is_complete
    assert [line.is_in_group for line in found.standbys] == [None, None]


@pytest.mark.parametrize("state", list(ShadowState))
def test_every_state_is_said(scene: Scene, state: ShadowState) -> None:
    scene.write(entry_of("s-0", role="standby", shadowing=Shadowing("g", state, lags={"w-0": 0})))
    assert bool(scene.why_not()) is (state is not ShadowState.WARM)
