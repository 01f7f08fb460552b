"""When a worker of the standby group takes a seat, and when not; the world around it is fake."""

import asyncio

import pytest

from framework.lifecycle.lookout import Lookout
from framework.membership.group import Group
from framework.membership.roster import Claim
from framework.membership.roster_records import decode, encode_claim
from framework.states import SeatState, ShadowState
from tests.unit.lifecycle.fake_world import (
    CHANGELOG,
    MISSING,
    STANDBY_ID,
    UNAVAILABLE,
    World,
    member_of,
    owner_of,
    primary_of,
    standby_app,
)
from tests.unit.lifecycle.living_standby import OTHER, OWNER, Life, live, promoted, run, states

pytestmark = pytest.mark.usefixtures("owners")


class TestTakeover:
    def test_seat_of_a_dead_worker_is_taken(self, world: World) -> None:
        world.at(5.0, lambda: world.dies(OWNER))
        promotion = live(world, 30.0)
        assert promotion is not None
        assert promotion.seat == "flights-0"
        assert (promotion.takeover.kind, promotion.takeover.from_client_id) == ("takeover", OWNER.client_id)
        assert 3.0 <= promotion.takeover.silent_for < 3.2
        assert 107.4 <= promotion.decided_at < 108.2
        assert promotion.owner.entry == OWNER
        assert world.looks[-1] == "flights", "it has looked closely"

    def test_seats_of_live_workers_are_not(self, world: World) -> None:
        assert live(world, 30.0) is None
        assert states(world) == [ShadowState.WARM]

    def test_one_that_was_stopped_may_be_away_for_a_while(self, world: World) -> None:
        world.at(5.0, lambda: world.says(owner_of(0, state=SeatState.STOPPED)))
        promotion = live(world, 30.0)
        assert promotion is not None
        assert promotion.decided_at >= 115.0

    def test_seat_that_is_handed_over_is_taken_at_once(self, world: World) -> None:
        app = standby_app()
        stopped = owner_of(0, state=SeatState.STOPPED, successor=app.client_id)
        world.at(5.0, lambda: world.says(stopped))
        promotion = live(world, 30.0, app)
        assert promotion is not None
        assert (promotion.takeover.kind, promotion.owner.entry) == ("handover", stopped)
        assert promotion.decided_at < 105.2

    def test_seat_that_is_handed_to_another_one_is_not(self, world: World) -> None:
        world.at(5.0, lambda: world.says(owner_of(0, state=SeatState.STOPPED, successor="another")))
        assert live(world, 14.0) is None

    def test_drill_is_told_from_a_death(self, world: World) -> None:
        world.at(5.0, lambda: world.says(owner_of(0, reason="drill", uncommitted=7)))
        promotion = live(world, 30.0)
        assert promotion is not None
        assert promotion.takeover.kind == "drill"

    def test_one_seat_is_taken_where_all_owners_are_dead(self, world: World) -> None:
        world.at(5.0, lambda: (world.dies(OWNER), world.dies(OTHER)))
        promotion = live(world, 30.0)
        assert promotion is not None
        assert promotion.seat == "flights-0"


class TestNoTakeover:
    """The owner is silent, and yet the seat is not taken."""

    @pytest.fixture(autouse=True)
    def silence(self, world: World) -> None:
        world.at(5.0, lambda: world.dies(OWNER))

    @pytest.mark.parametrize(
        ("closely", "takes"),
        [
            (primary_of(0, 1), True),
            (None, False),
            (primary_of(1), False),
            (Group("flights", "Stable", (member_of(0, member_id="m-new"), member_of(1))), False),
            (
                Group("flights", "Stable", (member_of(0, subscription=frozenset({CHANGELOG, "flights-x-changelog"})),)),
                False,
            ),
        ],
        ids=["as before", "cannot be asked", "session is over", "somebody has sat down", "other tables"],
    )
    def test_last_look_at_the_group_counts(
        self, closely: Group | None, takes: bool, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What was described a second ago speaks for it."""
        looks: list[float] = []

        async def look_closely(_: Lookout) -> Group | None:
            looks.append(world.now)
            return closely

        monkeypatch.setattr(Lookout, "look_closely", look_closely)
        promotion = live(world, 10.0)
        assert (promotion is not None) is takes
        assert looks[0] >= 107.4

    def test_while_it_is_deaf(self, world: World) -> None:
        world.at(5.0, lambda: setattr(world, "echoes", False))
        assert live(world, 30.0) is None
        assert states(world) == [ShadowState.WARM, ShadowState.DEAF]
        assert "no seat is taken over" in world.reports[-1].shadowing.problem

    def test_before_everybody_had_time_to_speak_after_that(self, world: World) -> None:
        world.at(5.0, lambda: setattr(world, "echoes", False))
        world.at(20.0, lambda: setattr(world, "echoes", True))
        promotion = live(world, 60.0)
        assert promotion is not None
        assert promotion.decided_at >= 125.0

    def test_while_its_tables_are_others(self, world: World) -> None:
        world.shadow.changelogs = frozenset({CHANGELOG, "flights-new-changelog"})
        assert live(world, 30.0) is None
        assert states(world) == [ShadowState.DIFFERENT]
        assert "flights-new-changelog" in world.reports[-1].shadowing.problem

    def test_while_its_tables_cannot_be_kept(self, world: World) -> None:
        world.shadow.problem = "A record cannot be read."
        assert live(world, 30.0) is None
        assert states(world) == [ShadowState.DIFFERENT]

    def test_while_a_setting_is_to_wait_until_it_is_warm(self, world: World) -> None:
        world.shadow.behind = 11
        assert live(world, 30.0, standby_app(standby_max_lag=10, standby_behind="wait")) is None
        assert live(world, 30.0, standby_app(standby_max_lag=10)) is not None

    def test_nobody_shadows_it(self, world: World) -> None:
        assert live(world, 30.0, standby_app(shadows=("flights-1",))) is None


class TestClaim:
    """Before it sits down it says so, and decides once more from what others have said before that."""

    @staticmethod
    def claims(world: World) -> list[Claim | None]:
        """The claims in the order of writing; None for one that was taken back."""
        return [
            record if isinstance(record, Claim) else None
            for _, key, value in world.written
            if b"claim" in key
            for record in [decode(key, value) if value is not None else None]
        ]

    def test_seat_of_a_dead_worker_is_claimed_first(self, world: World) -> None:
        world.at(5.0, lambda: world.dies(OWNER))
        app = standby_app()
        promotion = live(world, 30.0, app)
        assert promotion is not None
        assert self.claims(world) == [Claim("flights-0", STANDBY_ID, app.client_id)]
        assert world.calls[-1] == "read to end"

    def test_claim_that_takes_a_while_is_no_deafness(self, world: World) -> None:
        """What came back meanwhile is heard before it decides once more."""
        world.at(5.0, lambda: world.dies(OWNER))
        world.on_write = lambda: world.go_on(1.2)
        assert live(world, 30.0) is not None
        assert len(self.claims(world)) == 1

    def test_one_that_is_handed_over_is_nobody_elses(self, world: World) -> None:
        app = standby_app()
        world.at(5.0, lambda: world.says(owner_of(0, state=SeatState.STOPPED, successor=app.client_id)))
        assert live(world, 30.0, app) is not None
        assert self.claims(world) == []

    def test_who_comes_second_steps_back(self, world: World) -> None:
        other = Claim("flights-0", "flights-standby-1", "flights-standby-1@there#1-a")
        world.at(5.0, lambda: world.dies(OWNER))
        world.on_write = lambda: world.view.apply(*encode_claim(other), world.now, 0)
        app = standby_app()
        assert live(world, 12.0, app) is None
        own = Claim("flights-0", STANDBY_ID, app.client_id)
        assert self.claims(world)[:2] == [own, None]

    def test_claim_that_cannot_be_made_is_none(self, world: World) -> None:
        world.at(5.0, lambda: world.dies(OWNER))
        world.at(6.0, lambda: world.write_errors.extend([UNAVAILABLE] * 1000))
        assert live(world, 12.0) is None
        assert self.claims(world) == []

    def test_it_ends_when_the_process_is_in_the_seat(self, world: World) -> None:
        async def scenario() -> None:
            life, promotion = await promoted(world)
            await life.standby.settled(promotion)
            assert self.claims(world)[-1] is None
            assert ("shadow stopped", True) in world.calls

        run(scenario)


class TestEnds:
    def test_shadow_that_has_failed_ends_the_process(self, world: World) -> None:
        world.at(5.0, lambda: setattr(world.shadow, "failure", RuntimeError("broken")))
        with pytest.raises(RuntimeError, match="broken"):
            live(world, 10.0)

    def test_primary_whose_seat_was_given_up_has_only_to_join(self, world: World) -> None:
        world.at(5.0, lambda: world.says(owner_of(0, state=SeatState.LEFT)))
        world.at(5.0, lambda: world.groups.update(flights=primary_of(1)))
        assert live(world, 30.0, standby_app("flights-0-shadow", home="flights-0")) is None
        assert world.now < 107.0

    def test_worker_of_the_standby_group_waits_for_it_to_come_back(self, world: World) -> None:
        world.at(5.0, lambda: world.says(owner_of(0, state=SeatState.LEFT)))
        world.at(5.0, lambda: world.groups.update(flights=primary_of(1)))
        assert live(world, 30.0) is None
        assert world.now >= 130.0


class TestStart:
    def test_member_joins_after_the_roster_is_read(self, world: World) -> None:
        """It subscribes to the roster's topic, and a broker might make one then, with settings of its own."""
        world.roster_errors = [MISSING, UNAVAILABLE]

        async def scenario() -> None:
            life = Life(world)
            running = asyncio.ensure_future(life.run(30.0))
            for _ in range(10):
                await asyncio.sleep(0)
            assert world.calls == ["admin started"]
            assert world.ensured == ["flights"]
            while not running.done() and "shadow started" not in world.calls:
                world.go_on()
                await asyncio.sleep(0)
            assert world.calls[:3] == ["admin started", "reader started", "shadow started"]
            running.cancel()

        run(scenario)

    def test_stop_does_not_wait_for_the_roster(self, world: World) -> None:
        world.roster_errors = [UNAVAILABLE] * 1000

        async def scenario() -> None:
            life = Life(world)
            life.stop.set()
            assert await life.run(30.0) is None
            assert "shadow started" not in world.calls

        run(scenario)

    def test_it_is_a_member_under_its_own_names(self, world: World) -> None:
        app = standby_app()
        live(world, 1.0, app)
        assert world.shadow.options == {
            "group_id": "flights-standby",
            "group_instance_id": STANDBY_ID,
            "client_id": app.client_id,
        }

    def test_look_that_fails_is_taken_again(self, world: World) -> None:
        world.groups["flights-standby"] = None
        world.at(5.0, lambda: world.groups.update({"flights-standby": Group("flights-standby", "Stable")}))
        assert live(world, 10.0) is None
        assert states(world) == [ShadowState.WARM]
