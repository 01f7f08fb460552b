"""Workers of the standby group speak in the roster too, but no command takes them for seats of the primary group."""

import asyncio

from framework.membership.liveness import live_seats
from framework.membership.overview import overview
from framework.membership.roster import Wanted
from framework.membership.scaler import Scaler, Tools
from framework.membership.scaling import plan
from tests.unit.membership.fake_standby import Scene, owner_of, standby_of


def some_scene() -> Scene:
    scene = Scene()
    scene.speak()
    return scene


def test_overview() -> None:
    scene = some_scene()
    found = overview(scene.group, scene.roster.view, {}, scene.roster.now)
    assert [line.group_instance_id for line in found.seats] == ["w-0", "w-1"]


def test_plan() -> None:
    scene = some_scene()
    entries = {seat: seen.entry for seat, seen in scene.roster.view.seats().items()}
    found = plan(scene.group, entries, {"w-0", "w-1", "s-0", "s-1"}, 1)
    assert (found.stays, found.steps) == (("w-0",), ("w-1",))


class Admin:
    """A group that nobody has to be taken out of."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    async def describe(self, group_id: str) -> object:
        assert group_id == "flights"
        return self._scene.group

    async def remove(self, group_id: str, group_instance_id: str, member_id: str | None = None) -> None:
        raise AssertionError(f"{group_instance_id} is no surplus seat of {group_id} ({member_id})")

    async def partition_counts(self, topics: frozenset[str]) -> dict[str, int]:
        return dict.fromkeys(topics, 1)


def test_scaler_waits_for_no_standby() -> None:
    scene = some_scene()
    written: list[Wanted] = []

    async def write(wanted: Wanted) -> None:
        written.append(wanted)

    async def forget(seat: str) -> None:
        raise AssertionError(f"{seat} is not to be forgotten")

    # The standbys never join a generation of the primary group; that must not keep it from being settled.
    scene.write(owner_of("w-0", 0, generation_id=5))
    scene.write(owner_of("w-1", 1, generation_id=5))
    tools = Tools(
        Admin(scene),
        scene.roster,
        write,
        forget,
        scene.roster.clock,
        scene.roster.pause,  # type: ignore[arg-type]
    )
    decided = plan(scene.group, {}, {"w-0", "w-1"}, 2)
    asyncio.run(Scaler("flights", decided, scene.roster.now, 5.0, tools).run())
    assert written == []


def test_standbys_can_be_watched_like_seats() -> None:
    scene = some_scene()

    def only_one_speaks(now: float) -> None:
        if now - 100.0 > 1.0:
            scene.write(standby_of("s-0", 10, {"w-0": 0}))

    scene.roster.on_wait = only_one_speaks
    live = asyncio.run(live_seats(scene.roster, ["s-0", "s-1"], scene.roster.clock))
    assert live == {"s-0"}
