"""How a standby leaves the standby group: for a seat, of which it has to be sure, or for good; the world is fake."""

import asyncio
from collections.abc import Callable

import pytest

from framework.errors import FencedError
from framework.membership.group import Joined
from framework.states import SeatState
from tests.unit.lifecycle.fake_world import (
    CHANGELOG,
    UNAVAILABLE,
    World,
    owner_of,
)
from tests.unit.lifecycle.living_standby import OTHER, Life, promoted, run

JOINED = Joined("m-s", 7, {CHANGELOG: (0,)}, "first join", 0.31, 1_700_000_000_500)


pytestmark = pytest.mark.usefixtures("owners")


class TestSitDown:
    def test_last_changes_are_applied_and_the_tables_of_the_seat_kept(self, world: World) -> None:
        async def scenario() -> None:
            life, promotion = await promoted(world)
            await life.standby.sit_down(promotion)
            assert world.calls == ["caught up", ("let go", {CHANGELOG: (0,)})]
            assert world.keeper.said[-1] == {"state": SeatState.LEFT, "reason": "sits in flights-0", "shadowing": None}

        run(scenario)

    def test_what_becomes_of_its_member_is_told(self, world: World) -> None:
        async def scenario() -> None:
            life, _ = await promoted(world)
            listener, failure = world.shadow.listener, FencedError("Another process holds the seat.")
            listener.on_member_id("m-s")
            listener.on_joined(JOINED)
            listener.on_membership_failure(failure)
            assert life.told == ["m-s", JOINED, failure]
            assert world.keeper.said[-1] == {"member_id": "m-s"}
            assert listener.may_emit()
            assert listener.has_progressed()

        run(scenario)

    def test_but_not_any_more_when_it_sits_down(self, world: World) -> None:
        """A rebalance of the standby group is no answer of the primary group, and a fence there costs no seat here."""

        async def scenario() -> None:
            life, promotion = await promoted(world)
            await life.standby.sit_down(promotion)
            said = list(world.keeper.said)
            world.shadow.listener.on_member_id("m-s")
            world.shadow.listener.on_joined(JOINED)
            world.shadow.listener.on_membership_failure(FencedError("Another process holds the seat."))
            assert life.told == []
            assert world.keeper.said == said

        run(scenario)


class TestConfirm:
    """The broker has let it in; could the one before have had a heartbeat answered just before?"""

    @staticmethod
    async def waits(world: World, meanwhile: Callable[[], None], at_most: float = 30.0) -> float:
        """Seconds that it takes until it is sure."""
        life, promotion = await promoted(world)
        meanwhile()
        confirming = asyncio.ensure_future(life.standby.confirm(promotion))
        began_at = world.now
        for _ in range(5):
            await asyncio.sleep(0)
        while not confirming.done() and world.now - began_at < at_most:
            world.go_on()
            for _ in range(5):
                await asyncio.sleep(0)
        await confirming
        assert "read to end" in world.calls
        return world.now - began_at

    def test_owner_that_stayed_silent_is_dead(self, world: World) -> None:
        async def scenario() -> None:
            assert await self.waits(world, lambda: None) == 0.0

        run(scenario)

    @pytest.mark.parametrize(("lease", "waits"), [(3.0, 3.0), (0.0, 10.0)])
    def test_owner_that_has_written_is_given_the_time_to_meet_the_fence(
        self, lease: float, waits: float, world: World
    ) -> None:
        async def scenario() -> None:
            took = await self.waits(world, lambda: world.says(owner_of(0, lease=lease)))
            assert took == pytest.approx(waits, abs=0.06)

        run(scenario)

    def test_also_where_it_was_another_process(self, world: World) -> None:
        async def scenario() -> None:
            other = owner_of(0, client_id="flights-0@here#9-0c", incarnation=OTHER.incarnation, lease=4.0)
            assert await self.waits(world, lambda: world.says(other)) == pytest.approx(4.0, abs=0.06)

        run(scenario)

    def test_its_own_entry_is_nobody_elses(self, world: World) -> None:
        async def scenario() -> None:
            def says() -> None:
                assert world.app is not None
                world.says(owner_of(0, client_id="flights-0@me", incarnation=world.app.incarnation))

            assert await self.waits(world, says) == 0.0

        run(scenario)

    def test_owner_that_says_goodbye_meanwhile_is_no_danger(self, world: World) -> None:
        async def scenario() -> None:
            assert await self.waits(world, lambda: world.says(owner_of(0, state=SeatState.STOPPED))) == 0.0

        run(scenario)

    @pytest.mark.parametrize("error", [UNAVAILABLE, TimeoutError()])
    def test_roster_that_cannot_be_read_proves_nothing(self, error: Exception, world: World) -> None:
        async def scenario() -> None:
            took = await self.waits(world, lambda: world.roster_errors.append(error))
            assert took == pytest.approx(3.0, abs=0.06)

        run(scenario)


class TestClose:
    @pytest.mark.parametrize(("leave", "state"), [(True, SeatState.LEFT), (False, SeatState.STOPPED)])
    def test_member_goes_before_its_last_word(self, leave: bool, state: SeatState, world: World) -> None:
        async def scenario() -> None:
            life = Life(world)
            await life.run(3.0)
            world.calls.clear()
            assert await life.standby.close(leave=leave) is leave
            assert world.calls == [("shadow stopped", leave), "reader closed", "admin closed"]
            assert (world.keeper.said[-1], world.keeper.is_closed) == ({"state": state}, True)
            assert all(task.done() or task.cancelling() for task in life.standby._tasks)

        run(scenario)

    def test_leave_that_the_broker_has_not_confirmed_is_none(self, world: World) -> None:
        async def scenario() -> None:
            world.shadow.confirms_leave = False
            life = Life(world)
            await life.run(3.0)
            assert await life.standby.close(leave=True) is False
            assert world.calls[-3:] == [("shadow stopped", True), "reader closed", "admin closed"]
            assert world.keeper.said[-1] == {"state": SeatState.STOPPED}

        run(scenario)

    def test_one_that_never_joined_has_left_nothing(self, world: World) -> None:
        async def scenario() -> None:
            life = Life(world)
            life.stop.set()
            assert await life.run(1.0) is None
            assert "shadow started" not in world.calls
            assert await life.standby.close(leave=True) is False

        run(scenario)

    def test_one_in_its_seat_is_no_standby_whatever_the_broker_says(self, world: World) -> None:
        async def scenario() -> None:
            world.shadow.confirms_leave = False
            life, promotion = await promoted(world)
            await life.standby.sit_down(promotion)
            await life.standby.settled(promotion)
            assert world.keeper.said[-1] == {"state": SeatState.LEFT}

        run(scenario)
