"""What a standby tells supervisor, roster and owners, and when it asks for its own seat; the world is fake."""

from typing import Any

import pytest

import framework.lifecycle.standby_telling as module
from framework import App
from framework.lifecycle.link import Shadows
from framework.membership.roster import CONTROL, Order, OrderKind, Watch
from framework.membership.roster_records import ORDER_KEY, decode
from framework.membership.roster_view import RosterView
from framework.states import SeatState, ShadowState
from tests.unit.lifecycle.fake_world import (
    CHANGELOG,
    STANDBY_ID,
    UNAVAILABLE,
    World,
    owner_of,
    primary_of,
    standby_app,
)
from tests.unit.lifecycle.living_standby import OWNER, Life, live, run, states

pytestmark = pytest.mark.usefixtures("owners")


class TestReports:
    def test_only_what_has_changed_is_told(self, world: World) -> None:
        world.at(5.0, lambda: setattr(world.shadow, "behind", 3))
        live(world, 20.0)
        found = [(report.shadowing.state, report.shadowing.lags) for report in world.reports]
        assert found[-2:] == [
            (ShadowState.WARM, {"flights-0": 0, "flights-1": 0}),
            (ShadowState.WARM, {"flights-0": 3, "flights-1": 3}),
        ]
        assert len(found) <= 4

    def test_lags_that_change_all_the_time_are_told_now_and_then(self, world: World) -> None:
        """Each entry wakes all who read the roster; a shadow under load has another lag with each record."""
        for step in range(100):
            world.at(5.0 + step / 20, lambda behind=step: setattr(world.shadow, "behind", behind))  # type: ignore[misc]
        live(world, 12.0)
        found = [report.shadowing.lags["flights-0"] for report in world.reports]
        assert 10 <= len(found) <= 14
        assert found[-1] == 99

    def test_state_is_told_at_once(self, world: World) -> None:
        world.at(5.0, lambda: setattr(world.shadow, "behind", 3))
        world.at(5.1, lambda: setattr(world.shadow, "behind", 20_000))
        live(world, 5.3)
        assert world.reports[-1].shadowing.state is ShadowState.WARMING

    def test_supervisor_and_roster_hear_the_same(self, world: World) -> None:
        live(world, 5.0)
        said = [changes["shadowing"] for changes in world.keeper.said if changes and "shadowing" in changes]
        assert said == [report.shadowing for report in world.reports]
        assert {said["state"] for said in world.keeper.said if said} == {SeatState.RUNNING}
        assert world.reports[-1] == Shadows(said[-1], {f"{CHANGELOG}/0": 0, f"{CHANGELOG}/1": 0})

    @staticmethod
    def watches(world: World) -> list[frozenset[str]]:
        """Which seats the owners were told to be watched, in order."""
        found = [decode(key, value) for _, key, value in world.written if value is not None]
        return [record.seats for record in found if isinstance(record, Watch) and record.seats]

    def test_owners_hear_that_they_are_watched_and_again_after_a_while(self, world: World) -> None:
        live(world, module.TELL_OWNERS_EVERY - 1.0)
        assert self.watches(world) == [frozenset({"flights-0", "flights-1"})]
        live(world, 2 * module.TELL_OWNERS_EVERY + 1.0)
        assert self.watches(world)[1:] == [frozenset({"flights-0", "flights-1"})] * 3

    def test_they_hear_it_at_once_when_the_topic_was_made_anew(self, world: World) -> None:
        world.at(5.0, lambda: setattr(world, "view", RosterView()))
        live(world, 8.0)
        assert self.watches(world) == [frozenset({"flights-0", "flights-1"})] * 2

    def test_and_when_they_are_others(self, world: World) -> None:
        world.at(5.0, lambda: world.groups.update(flights=primary_of(1)))
        live(world, 8.0)
        assert self.watches(world) == [frozenset({"flights-0", "flights-1"}), frozenset({"flights-1"})]

    def test_state_follows_the_lag(self, world: World) -> None:
        world.shadow.behind = None
        world.at(5.0, lambda: setattr(world.shadow, "behind", 20))
        world.at(7.0, lambda: setattr(world.shadow, "behind", 10))
        live(world, 10.0, standby_app(standby_max_lag=10))
        assert states(world) == [ShadowState.WARMING, ShadowState.WARM]


class TestFailback:
    """A primary whose seat a spare has taken keeps it warm as a shadow, and may ask for it."""

    HOME = "flights-0"

    @pytest.fixture(autouse=True)
    def spare(self, owners: None, world: World) -> None:
        del world.speaking[OWNER.client_id]
        world.speaks(owner_of(0, standby_id=STANDBY_ID))

    def home(self, failback: str = "when_warm") -> App:
        return standby_app("flights-0-shadow", home=self.HOME, failback=failback)

    @staticmethod
    def orders(world: World) -> list[tuple[int, Any]]:
        return [(part, decode(key, value)) for part, key, value in world.written if key.startswith(ORDER_KEY.encode())]

    def test_it_asks_once_it_has_been_warm_for_a_while(self, world: World) -> None:
        world.shadow.behind = 20_000
        world.at(5.0, lambda: setattr(world.shadow, "behind", 0))
        app = self.home()
        live(world, 6.9, app)
        assert self.orders(world) == []
        live(world, 9.0, app)
        order = Order(self.HOME, OrderKind.HANDOVER, OWNER.client_id, app.client_id)
        assert self.orders(world) == [(CONTROL, order)]

    def test_it_asks_again_only_after_a_long_time(self, world: World) -> None:
        live(world, 3.0 + module.FAILBACK_EVERY - 2.0, self.home())
        assert len(self.orders(world)) == 1
        world.written.clear()
        live(world, 5.0 + module.FAILBACK_EVERY, self.home())
        assert len(self.orders(world)) == 2

    def test_one_that_became_cold_waits_anew(self, world: World) -> None:
        world.at(1.5, lambda: setattr(world.shadow, "behind", 20_000))
        world.at(1.9, lambda: setattr(world.shadow, "behind", 0))
        live(world, 3.8, self.home())
        assert self.orders(world) == []

    def test_request_that_cannot_be_written_is_no_error(self, world: World) -> None:
        async def scenario() -> None:
            life = Life(world, self.home())
            world.at(1.0, lambda: world.write_errors.append(UNAVAILABLE))
            assert await life.run(10.0) is None
            assert self.orders(world) == []

        run(scenario)

    def test_by_default_it_stays_the_spare(self, world: World) -> None:
        live(world, 10.0, self.home("never"))
        assert self.orders(world) == []

    @pytest.mark.parametrize("owner", [owner_of(0), owner_of(0, standby_id=STANDBY_ID, lease=0.0)])
    def test_owner_that_did_not_come_as_a_spare_or_knows_no_shadow_is_not_asked(self, owner: Any, world: World) -> None:
        world.speaks(owner)
        live(world, 10.0, self.home())
        assert self.orders(world) == []

    def test_worker_of_the_standby_group_has_no_home(self, world: World) -> None:
        live(world, 10.0, standby_app(failback="when_warm"))
        assert self.orders(world) == []
