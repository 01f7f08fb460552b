"""What a standby says of itself, and to the owners of the seats that it shadows; the roster is a fake."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from framework.lifecycle.standby_presence import RETRY_AFTER, StandbyPresence, tell_restarting
from framework.membership.roster import CONTROL, Restarting, Shadowing, Watch
from framework.membership.roster_records import WATCH_KEY, decode, encode_watch
from framework.states import SeatState, ShadowState
from tests.unit.lifecycle.fake_seat import SEAT, bound_app
from tests.unit.lifecycle.fake_world import STANDBY_ID, UNAVAILABLE, World, standby_app

KEY = f"{WATCH_KEY}{STANDBY_ID}".encode()

Scenario = Callable[[], Awaitable[None]]


def run(scenario: Scenario) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 10.0))


async def settled(world: World, seconds: float = 0.0) -> None:
    """Let what was begun go on, and the time with it."""
    until = world.now + seconds
    for _ in range(10):
        await asyncio.sleep(0)
    while world.now < until:
        world.go_on()
        for _ in range(10):
            await asyncio.sleep(0)


def watch(*seats: str) -> tuple[int, bytes, bytes | None]:
    return (CONTROL, *encode_watch(Watch(STANDBY_ID, frozenset(seats), 3.0)))


class TestEntry:
    def test_first_one_says_that_it_is_a_standby(self, world: World) -> None:
        app = standby_app(failover_after=3.0, topic_replication_factor=3)
        StandbyPresence(app)
        entry, keeper = world.keeper.entry, world.keeper
        assert (entry.group_instance_id, entry.standby_id, entry.client_id) == (STANDBY_ID, STANDBY_ID, app.client_id)
        assert (entry.role, entry.is_standby, entry.state) == ("standby", True, SeatState.STARTING)
        assert entry.shadowing == Shadowing("flights-standby", ShadowState.STARTING, failover_after=3.0)
        assert (keeper.group_id, keeper.replication_factor) == ("flights", 3)

    @pytest.mark.parametrize(
        ("failover_after", "roster_interval", "interval"), [(3.0, 1.0, 0.5), (60.0, 1.0, 1.0), (3.0, 0.2, 0.2)]
    )
    def test_entries_are_frequent_enough_to_tell_how_well_it_hears(
        self, failover_after: float, roster_interval: float, interval: float, world: World
    ) -> None:
        presence = StandbyPresence(standby_app(failover_after=failover_after, roster_interval=roster_interval))
        assert presence.interval == world.keeper.entry.interval == interval

    def test_life_from_start_to_end(self, world: World) -> None:
        presence = StandbyPresence(standby_app())
        shadowing = Shadowing("flights-standby", ShadowState.WARM, lags={SEAT: 0})
        presence.start()
        presence.on_member_id("m-s")
        presence.tell(shadowing)
        presence.close(has_left=False)
        assert world.keeper.said == [
            None,
            {"member_id": "m-s"},
            {"state": SeatState.RUNNING, "shadowing": shadowing},
            {"state": SeatState.STOPPED},
        ]
        assert world.keeper.is_closed

    def test_one_that_leaves_its_group_says_so(self, world: World) -> None:
        StandbyPresence(standby_app()).close(has_left=True)
        assert world.keeper.said == [{"state": SeatState.LEFT}]


class TestWatch:
    def test_owners_are_told(self, world: World) -> None:
        async def scenario() -> None:
            StandbyPresence(standby_app()).watch(["w-0", "w-1"])
            await settled(world)
            assert world.written == [watch("w-0", "w-1")]

        run(scenario)

    def test_it_is_tried_until_it_is_written(self, world: World) -> None:
        """Without it, the owners would not know that they need a lease."""

        async def scenario() -> None:
            world.write_errors = [UNAVAILABLE, UNAVAILABLE]
            StandbyPresence(standby_app()).watch(["w-0"])
            await settled(world, 1.5 * RETRY_AFTER)
            assert world.written == []
            await settled(world, RETRY_AFTER)
            assert world.written == [watch("w-0")]

        run(scenario)

    def test_old_word_does_not_come_after_a_newer_one(self, world: World) -> None:
        async def scenario() -> None:
            world.write_errors = [UNAVAILABLE]
            presence = StandbyPresence(standby_app())
            presence.watch(["w-0"])
            await settled(world)
            presence.watch(["w-1"])
            await settled(world, 3 * RETRY_AFTER)
            assert world.written == [watch("w-1")]

        run(scenario)

    def test_standby_that_stops_does_not_take_it_back(self, world: World) -> None:
        """It is likely to come back, and the owners keep their leases until then."""

        async def scenario() -> None:
            presence = StandbyPresence(standby_app())
            presence.watch(["w-0"])
            await settled(world)
            presence.close(has_left=False)
            await settled(world)
            assert world.written == [watch("w-0")]

        run(scenario)


class TestEnd:
    def test_promoted_one_is_no_shadow_any_more(self, world: World) -> None:
        StandbyPresence(standby_app()).promoted("w-0")
        assert world.keeper.said == [{"state": SeatState.LEFT, "reason": "sits in w-0", "shadowing": None}]
        assert world.written == []

    def test_word_to_the_owners_is_taken_back(self, world: World) -> None:
        async def scenario() -> None:
            presence = StandbyPresence(standby_app())
            presence.watch(["w-0"])
            await settled(world)
            await presence.unwatch()
            assert world.written[1:] == [(CONTROL, KEY, None)]

        run(scenario)

    def test_also_if_it_could_not_be_written(self, world: World) -> None:
        """Else it would be written after that."""

        async def scenario() -> None:
            world.write_errors = [UNAVAILABLE]
            presence = StandbyPresence(standby_app())
            presence.watch(["w-0"])
            await settled(world)
            await presence.unwatch()
            await settled(world, 3 * RETRY_AFTER)
            assert world.written == [(CONTROL, KEY, None)]

        run(scenario)

    def test_it_is_tried_once(self, world: World) -> None:
        """The owners keep a lease that nobody needs, which costs them nothing while all is well."""
        world.write_errors = [UNAVAILABLE]
        run(StandbyPresence(standby_app()).unwatch)
        assert world.written == []


class TestRestarting:
    def test_shadows_hear_who_is_on_the_way(self, world: World) -> None:
        app = bound_app()
        run(lambda: tell_restarting(app.connection, "flights", SEAT, app.client_id))
        ((partition, key, value),) = world.written
        assert (partition, decode(key, value or b"")) == (CONTROL, Restarting(SEAT, app.client_id))

    def test_nothing_depends_on_it(self, world: World) -> None:
        world.write_errors = [UNAVAILABLE]
        run(lambda: tell_restarting(bound_app().connection, "flights", SEAT, "a"))
        assert world.written == []
