"""What a standby sees of its group and has shadowed for that; coordinator, roster, tables and clock are fakes."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import pytest

from framework import App
from framework.errors import BrokerUnavailableError, RosterUnavailableError
from framework.lifecycle.lookout import Lookout
from framework.lifecycle.standby_presence import StandbyPresence
from framework.membership.group import Group, Member
from framework.membership.roster import CONTROL, Claim, Entry, Shadowing
from framework.membership.roster_records import encode_claim
from framework.standby.rule import DecisionKind, Policy
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


def lookout_of(world: World, app: App | None = None) -> Lookout:
    world.app = app or standby_app()
    StandbyPresence(world.app)
    tables: Any = world.shadow
    return Lookout(world.app, tables, 0.5)


def run(wait: Awaitable[Any]) -> Any:
    async def within() -> Any:
        return await asyncio.wait_for(wait, 10.0)

    return asyncio.run(within())


def standby_of(standby_id: str) -> Member:
    return Member(f"{standby_id}-m", standby_id, f"{standby_id}@there#1-a", "/there")


class TestLook:
    def test_partitions_of_all_seats_are_shadowed(self, world: World) -> None:
        lookout = lookout_of(world)
        run(lookout.look())
        assert lookout.seats == ("flights-0", "flights-1")
        assert world.shadow.follows == [{CHANGELOG: (0, 1)}]
        assert lookout.primary == primary_of(0, 1)
        assert lookout.wishes_for("flights-1") == {CHANGELOG: (1,)}

    def test_those_of_ones_share_where_there_are_several(self, world: World) -> None:
        others = (standby_of(STANDBY_ID), standby_of("flights-standby-1"))
        world.groups["flights-standby"] = Group("flights-standby", "Stable", others)
        world.says(owner_of(5, group_instance_id="flights-standby-1", role="standby"))
        lookout = lookout_of(world)
        run(lookout.look())
        assert (lookout.seats, world.shadow.follows) == (("flights-0",), [{CHANGELOG: (0,)}])

    @pytest.mark.parametrize("state", ["PreparingRebalance", "CompletingRebalance", "Empty", "Dead"])
    def test_nothing_else_is_shadowed_while_the_group_has_no_assignment(self, state: str, world: World) -> None:
        """Else the tables would be thrown away at each rebalance."""
        lookout = lookout_of(world)
        run(lookout.look())
        world.groups["flights"] = Group("flights", state, (member_of(0, actives={}),))
        run(lookout.look())
        assert len(world.shadow.follows) == 1
        assert lookout.wishes_for("flights-0") == {CHANGELOG: (0,)}
        assert lookout.lag("flights-0") == 0

    def test_what_has_moved_is_followed(self, world: World) -> None:
        lookout = lookout_of(world)
        run(lookout.look())
        world.groups["flights"] = Group("flights", "Stable", (member_of(0, actives={CHANGELOG: (0, 1)}),))
        run(lookout.look())
        assert (lookout.seats, world.shadow.follows[-1]) == (("flights-0",), {CHANGELOG: (0, 1)})
        assert lookout.wishes_for("flights-1") is None

    def test_failure_leaves_everything_as_it_was(self, world: World) -> None:
        lookout = lookout_of(world)
        run(lookout.look())
        world.groups["flights"] = None
        with pytest.raises(BrokerUnavailableError):
            run(lookout.look())
        assert lookout.primary == primary_of(0, 1)
        assert lookout.seats == ("flights-0", "flights-1")

    def test_closer_look_that_fails_knows_nothing(self, world: World) -> None:
        lookout = lookout_of(world)
        assert run(lookout.look_closely()) == primary_of(0, 1)
        world.groups["flights"] = None
        assert run(lookout.look_closely()) is None


class TestRoster:
    def test_one_that_is_missing_is_made(self, world: World) -> None:
        async def scenario() -> None:
            world.roster_errors = [MISSING, MISSING]
            world.write_errors = [UNAVAILABLE]
            reading = asyncio.ensure_future(lookout_of(world).read_roster())
            while not reading.done():
                await asyncio.sleep(0)
                world.go_on()

        run(scenario())
        assert world.ensured == ["flights", "flights"]
        assert world.calls == ["reader started"]
        assert 101.0 <= world.now < 102.0, "a pause after the failure, none after it was made"

    def test_one_that_cannot_be_read_is_tried_again_and_not_made(self, world: World) -> None:
        async def scenario() -> None:
            world.roster_errors = [UNAVAILABLE]
            reading = asyncio.ensure_future(lookout_of(world).read_roster())
            while not reading.done():
                await asyncio.sleep(0)
                world.go_on()

        run(scenario())
        assert (world.ensured, world.calls) == ([], ["reader started"])


class TestLag:
    @pytest.mark.parametrize(("behind", "lag"), [(0, 0), (7, 7), (None, None)])
    def test_it_is_that_of_the_partitions_of_one_seat(self, behind: int | None, lag: int | None, world: World) -> None:
        lookout = lookout_of(world)
        run(lookout.look())
        world.shadow.behind = behind
        assert lookout.lag("flights-0") == lag

    def test_it_is_their_sum(self, world: World) -> None:
        world.groups["flights"] = Group("flights", "Stable", (member_of(0, actives={CHANGELOG: (0, 1, 2)}),))
        lookout = lookout_of(world)
        run(lookout.look())
        world.shadow.behind = 7
        assert lookout.lag("flights-0") == 21

    def test_it_is_not_known_before_the_first_look(self, world: World) -> None:
        assert lookout_of(world).lag("flights-0") is None

    def test_seat_without_tables_is_behind_in_nothing(self, world: World) -> None:
        world.groups["flights"] = Group("flights", "Stable", (member_of(0, actives={"orders": (0,)}),))
        lookout = lookout_of(world)
        run(lookout.look())
        assert lookout.lag("flights-0") == 0


class TestDecide:
    @staticmethod
    def silent(world: World, lookout: Lookout, seconds: float) -> None:
        """The owner has spoken once, and since then only this standby is heard."""
        world.says(owner_of(0))
        for _ in range(round(seconds / 0.05)):
            world.go_on()
            lookout.listen()

    def test_silence_is_counted_by_what_is_heard(self, world: World) -> None:
        lookout = lookout_of(world)
        run(lookout.look())
        self.silent(world, lookout, 3.0)
        assert lookout.decide("flights-0", lookout.primary).kind is DecisionKind.SLEEP
        self.silent(world, lookout, 3.2)
        assert lookout.decide("flights-0", lookout.primary).kind is DecisionKind.TAKE
        assert lookout.decide("flights-0", None).kind is DecisionKind.SLEEP

    def test_second_shadow_of_a_seat_waits_longer(self, world: World) -> None:
        """Named by a setting, both shadow it."""
        lookout = lookout_of(world)
        run(lookout.look())
        other = "flights-standby-!"  # in front of this one in any order
        for standby_id in (other, STANDBY_ID):
            shadowing = Shadowing("flights-standby", ShadowState.WARM, lags={"flights-0": 0})
            entry = owner_of(5, group_instance_id=standby_id, client_id=standby_id, role="standby", shadowing=shadowing)
            if standby_id == STANDBY_ID:
                world.keeper.said.append({"shadowing": shadowing})
            else:
                world.speaks(entry)
        self.silent(world, lookout, 3.5)
        assert lookout.decide("flights-0", lookout.primary).kind is DecisionKind.SLEEP
        self.silent(world, lookout, 4.5)
        assert lookout.decide("flights-0", lookout.primary).kind is DecisionKind.TAKE


class TestClaim:
    """Two shadows, or a shadow and the owner's next process, want one seat: each writes before it reads."""

    OTHER = Claim("flights-0", "flights-standby-1", "flights-standby-1@there#1-a")

    def test_it_is_written_before_the_roster_is_read_to_its_end(self, world: World) -> None:
        lookout = lookout_of(world)
        world.on_write = lambda: world.calls.append("written")
        run(lookout.claim("flights-0"))
        assert world.app is not None
        assert world.written == [(CONTROL, *encode_claim(Claim("flights-0", STANDBY_ID, world.app.client_id)))]
        assert world.calls == ["written", "read to end"]

    @pytest.mark.parametrize("errors", ["write_errors", "roster_errors"])
    def test_one_that_cannot_be_made_is_no_claim(self, errors: str, world: World) -> None:
        getattr(world, errors).append(UNAVAILABLE)
        with pytest.raises(RosterUnavailableError):
            run(lookout_of(world).claim("flights-0"))

    def test_it_is_taken_back_under_the_same_key(self, world: World) -> None:
        lookout = lookout_of(world)
        run(lookout.claim("flights-0"))
        run(lookout.withdraw("flights-0"))
        (_, key, _), (partition, deleted, value) = world.written
        assert (partition, deleted, value) == (CONTROL, key, None)
        world.write_errors.append(UNAVAILABLE)
        run(lookout.withdraw("flights-0"))

    def test_who_claims_first_comes_first(self, world: World) -> None:
        lookout = lookout_of(world)
        run(lookout.look())
        TestDecide.silent(world, lookout, 3.2)
        assert world.app is not None
        own = Claim("flights-0", STANDBY_ID, world.app.client_id)
        world.view.apply(*encode_claim(own), world.now, 0)
        world.view.apply(*encode_claim(self.OTHER), world.now, 0)
        assert lookout.decide("flights-0", lookout.primary).kind is DecisionKind.TAKE
        world.view.apply(*encode_claim(own), world.now, 0)
        decision = lookout.decide("flights-0", lookout.primary)
        assert decision.kind is DecisionKind.SLEEP
        assert "flights-standby-1" in decision.why
        assert lookout.decide("flights-1", lookout.primary).why != decision.why

    def test_claim_on_another_seat_is_none(self, world: World) -> None:
        lookout = lookout_of(world)
        run(lookout.look())
        TestDecide.silent(world, lookout, 3.2)
        world.view.apply(*encode_claim(replace(self.OTHER, seat="flights-1")), world.now, 0)
        assert lookout.decide("flights-0", lookout.primary).kind is DecisionKind.TAKE


class TestLost:
    """A seat that no shadow needs to take: whoever wants it joins."""

    @pytest.mark.parametrize(
        ("entry", "group", "is_lost"),
        [
            (owner_of(0), primary_of(0, 1), False),
            (owner_of(0), primary_of(1), False),
            (owner_of(0, state=SeatState.STOPPED), primary_of(0, 1), False),
            (owner_of(0, state=SeatState.STOPPED), primary_of(1), True),
            (owner_of(0, state=SeatState.STOPPED), primary_of(1, state="PreparingRebalance"), False),
            (owner_of(0, state=SeatState.STOPPED), Group("flights", "Empty"), True),
            (owner_of(0), Group("flights", "Empty"), False),
            (owner_of(0, state=SeatState.LEFT), primary_of(1, state="PreparingRebalance"), True),
            (owner_of(0, state=SeatState.LEFT), primary_of(0, 1), False),
        ],
    )
    def test_when(self, entry: Entry, group: Group, is_lost: bool, world: World) -> None:
        world.groups["flights"] = group
        lookout = lookout_of(world)
        run(lookout.look())
        world.says(entry)
        assert not lookout.is_lost("flights-0"), "not heard"
        world.go_on(1.0)
        lookout.listen()
        assert lookout.is_lost("flights-0") is is_lost

    def test_nothing_is_said_of_seats_and_groups_that_are_not_known(self, world: World) -> None:
        lookout = lookout_of(world)
        world.go_on(1.0)
        lookout.listen()
        assert not lookout.is_lost("flights-0")
        world.says(owner_of(0, state=SeatState.LEFT))
        assert not lookout.is_lost("flights-0")


def test_policy_is_that_of_the_settings(world: World) -> None:
    app = standby_app(failover_after=1.5, restart_budget=7.0, standby_max_lag=5, standby_behind="wait")
    assert lookout_of(world, app).policy == Policy(1.5, 7.0, 5, "wait")


def test_facts_before_anything_is_known(world: World) -> None:
    facts = lookout_of(world).facts()
    assert (facts.group_id, facts.primary, facts.lags) == ("flights", None, {})
    assert (facts.is_heard, facts.was_heard, facts.has_entries) == (False, False, False)


def test_facts_name_what_is_wrong(world: World) -> None:
    lookout = lookout_of(world)
    run(lookout.look())
    world.says(owner_of(0))
    world.reader_problem, world.shadow.problem = "No right.", "A record cannot be read."
    facts = lookout.facts()
    assert (facts.doubt, facts.differences, facts.has_entries) == ("No right.", "A record cannot be read.", True)
    world.shadow.changelogs = frozenset()
    assert CHANGELOG in lookout.facts().differences
    assert lookout.differences(None) == ""
