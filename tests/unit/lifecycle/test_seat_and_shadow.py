"""A seat that a spare holds is not waited for outside the group: it is shadowed; coordinator and roster are fakes."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

import framework.lifecycle.seat as module
from framework import App
from framework.errors import SeatTakenError
from framework.identity import Incarnation
from framework.lifecycle.link import Go
from framework.membership.group import Member
from framework.membership.roster import CLAIM_LASTS, Claim, Entry, Watch
from framework.membership.roster_records import claim_key, encode, encode_claim, encode_watch
from framework.states import SeatState
from tests.unit.lifecycle.fake_seat import ME, OTHER, SEAT, FakeSeat, bound_app, client_id

SPARE = "flights-standby-0"


@pytest.fixture
def seat(monkeypatch: pytest.MonkeyPatch) -> FakeSeat:
    return FakeSeat(monkeypatch)


def spare_sits(seat: FakeSeat, who: Incarnation = OTHER, state: SeatState = SeatState.RUNNING) -> None:
    """A process that has come from the standby group has the seat."""
    seat.holder = Member("m-spare", SEAT, client_id(who), f"/{who.host}")
    entry = Entry(SEAT, client_id(who), who, state, 0, "flights", member_id="m-spare", standby_id=SPARE)
    seat.view.apply(SEAT.encode(), encode(entry), seat.now, 0)


def may_join(seat: FakeSeat, app: App | None = None, go: Go | None = None) -> bool:
    waiting = module.await_seat(app or bound_app(), go or Go(), seat.told.append)
    return asyncio.run(asyncio.wait_for(waiting, 20.0))


def standby_app(**settings: Any) -> App:
    app = bound_app(**settings)
    app.role = "standby"
    return app


def test_seat_of_a_spare_is_shadowed_at_once(seat: FakeSeat) -> None:
    spare_sits(seat)
    assert not may_join(seat)
    assert (seat.after, seat.told, seat.open) == ([0.0], [], set())


def test_spare_on_the_same_machine_is_no_predecessor(seat: FakeSeat) -> None:
    """A primary and its standby may run on one host: who returns must not fence who has stepped in."""
    spare_sits(seat, replace(OTHER, host=ME.host))
    assert not may_join(seat)


def test_seat_of_a_spare_that_has_gone_is_free(seat: FakeSeat) -> None:
    spare_sits(seat, state=SeatState.STOPPED)
    assert may_join(seat)


def test_free_seat_is_joined(seat: FakeSeat) -> None:
    assert may_join(seat)
    assert may_join(seat, standby_app())


def test_spare_that_finds_another_one_back_in_the_seat_shadows_it(seat: FakeSeat) -> None:
    seat.sits(OTHER)
    assert not may_join(seat, standby_app())
    assert seat.told == []


def test_primary_waits_for_a_primary(seat: FakeSeat) -> None:
    seat.sits(OTHER)
    seat.at(3.0, lambda: seat.says(OTHER, state=SeatState.STOPPED))
    assert may_join(seat)
    assert {fence.verdict for fence in seat.told} == {"held"}
    assert seat.now >= 103.0


def test_wait_for_a_primary_ends_when_a_spare_has_its_seat(seat: FakeSeat) -> None:
    seat.sits(OTHER)
    spare = replace(OTHER, suffix="0000000d")
    seat.at(0.5, lambda: seat.says(OTHER, state=SeatState.STOPPED))
    seat.at(0.5, lambda: spare_sits(seat, spare))
    assert not may_join(seat)
    assert len(seat.told) == 1


def test_policy_stop_ends_it_also_before_a_spare(seat: FakeSeat) -> None:
    spare_sits(seat)
    with pytest.raises(SeatTakenError):
        may_join(seat, bound_app(fenced_policy="stop"))


def test_standby_waits_for_its_seat_in_the_standby_group(seat: FakeSeat) -> None:
    """There is nothing to shadow in there: two processes with one id are one too many."""
    app = standby_app()
    assert app.identity is not None
    app.identity = replace(app.identity, group_id=app.standby_group)
    seat.sits(OTHER)
    seat.at(1.0, lambda: seat.says(OTHER, state=SeatState.STOPPED))
    assert may_join(seat, app)
    assert {fence.verdict for fence in seat.told} == {"held"}


def test_both_groups_speak_in_the_roster_of_the_app(seat: FakeSeat, monkeypatch: pytest.MonkeyPatch) -> None:
    app = standby_app(fenced_policy="stop")
    assert app.identity is not None
    app.identity = replace(app.identity, group_id=app.standby_group)
    topics: list[str] = []
    groups: list[str] = []
    written: list[str] = []
    reader, admin = module.RosterReader, module.GroupAdmin

    class Admin:
        def __init__(self, connection: Any) -> None:
            self._admin: Any = admin(connection)

        async def __aenter__(self) -> "Admin":
            await self._admin.__aenter__()
            return self

        async def __aexit__(self, *found: Any) -> None:
            await self._admin.__aexit__(*found)

        async def describe(self, group_id: str) -> Any:
            groups.append(group_id)
            return await self._admin.describe(group_id)

    async def write(_connection: Any, topic: str, *_record: Any) -> None:
        written.append(topic)

    monkeypatch.setattr(
        module, "RosterReader", lambda connection, group: topics.append(group) or reader(connection, group)
    )
    monkeypatch.setattr(module, "GroupAdmin", Admin)
    monkeypatch.setattr(module, "write_record", write)
    seat.sits(OTHER)
    with pytest.raises(SeatTakenError):
        may_join(seat, app)
    assert (groups, topics, written) == (["flights-standby"], ["flights"], ["flights-roster"])


class TestPassing:
    """The next process of an owner and its shadow may want the seat at the same moment."""

    SHADOWED = Go(lineage=frozenset({client_id(ME)}), is_shadowed=True)
    CLAIM = Claim(SEAT, SPARE, f"{SPARE}@there#4000-0b")

    @staticmethod
    def watch(seat: FakeSeat) -> None:
        seat.view.apply(*encode_watch(Watch(SPARE, frozenset({SEAT}), 3.0)), seat.now, 0)

    def test_shadows_are_told_before_what_they_have_said_is_read(self, seat: FakeSeat) -> None:
        assert may_join(seat, go=self.SHADOWED)
        assert seat.announced == [("flights", SEAT, client_id(ME), 0)]
        assert seat.reads == 1
        assert seat.open == set()

    def test_shadow_that_claims_the_seat_is_let_pass(self, seat: FakeSeat) -> None:
        seat.on_announced = lambda: seat.view.apply(*encode_claim(self.CLAIM), seat.now, 0)
        seat.at(2.0, lambda: spare_sits(seat))
        seat.at(2.0, lambda: seat.view.apply(claim_key(SEAT, SPARE), None, seat.now, 0))
        assert not may_join(seat, go=self.SHADOWED)
        assert seat.after[0] >= 2.0, "not looked before"

    def test_claim_of_one_that_died_ends_by_itself(self, seat: FakeSeat) -> None:
        seat.on_announced = lambda: seat.view.apply(*encode_claim(self.CLAIM), seat.now, 0)
        assert may_join(seat, go=self.SHADOWED)
        assert CLAIM_LASTS <= seat.after[0] <= CLAIM_LASTS + 1.1

    def test_first_process_of_a_supervisor_reads_whether_it_is_watched(self, seat: FakeSeat) -> None:
        assert may_join(seat)
        assert seat.announced == []
        self.watch(seat)
        assert may_join(seat)
        assert len(seat.announced) == 1

    def test_later_one_was_told_by_its_supervisor(self, seat: FakeSeat) -> None:
        """It need not read the roster for that, which takes a while."""
        self.watch(seat)
        seat.holder = Member("m-me", SEAT, client_id(ME), "/here")
        assert may_join(seat, go=Go(lineage=frozenset({client_id(ME)}), members=frozenset({"m-me"})))
        assert (seat.announced, seat.rosters) == ([], 0)

    @pytest.mark.parametrize("go", [SHADOWED, Go()])
    def test_without_a_roster_nobody_can_be_told(self, go: Go, seat: FakeSeat) -> None:
        seat.has_roster = False
        assert may_join(seat, go=go)
        assert seat.announced == []

    def test_seat_in_the_standby_group_has_no_shadows(self, seat: FakeSeat) -> None:
        app = standby_app()
        assert app.identity is not None
        app.identity = replace(app.identity, group_id=app.standby_group)
        self.watch(seat)
        assert may_join(seat, app, self.SHADOWED)
        assert seat.announced == []
