"""One surplus seat after the other, with a fake of group and workers whose time a test holds in its hands."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

import pytest

from framework.errors import CheckFailedError, RosterUnavailableError, SeatLiveError, SeatNotFoundError
from framework.membership.group import Group, Member
from framework.membership.roster import Entry, Wanted
from framework.membership.scaler import Scaler, Tools
from framework.membership.scaling import plan
from framework.membership.steps import Phase, Progress
from framework.states import SeatState
from tests.unit.membership.fake_roster import FakeRoster, entry_of

FINISHING = 0.5
REBALANCE = 0.3


@dataclass(slots=True)
class FakeFleet:
    """A fake of a group of workers over the four partitions of one topic.

    A live worker that reads that it is surplus stops, leaves after `FINISHING`, and the group is Stable `REBALANCE`
    later; each move is made while the scaler waits.
    """

    live: set[str]
    dead: set[str] = field(default_factory=set)
    deaf: set[str] = field(default_factory=set)
    roster: FakeRoster = field(default_factory=FakeRoster)
    generation: int = 7
    stable_at: float = 0.0
    leaving: dict[str, float] = field(default_factory=dict)
    written: list[Wanted] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    told: list[Progress] = field(default_factory=list)
    seats: list[str] = field(default_factory=list)
    joined: dict[str, int] = field(default_factory=dict)
    lives: dict[str, int] = field(default_factory=dict)
    """`{seat: how many processes have sat down in it}`."""
    on_remove: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.seats = sorted(self.live | self.dead)
        self.joined = dict.fromkeys(self.seats, self.generation)
        for seat in self.seats:
            self.roster.write(self.entry(seat))
        self.roster.on_wait = self.go_on

    def entry(self, seat: str, state: SeatState = SeatState.RUNNING) -> Entry:
        return entry_of(seat, state=state, generation_id=self.joined[seat])

    # --- what goes on -------------------------------------------------------------------------------------------------

    def go_on(self, now: float) -> None:
        for seat, at in list(self.leaving.items()):
            if now >= at:
                del self.leaving[seat]
                self.live.discard(seat)
                self.roster.write(self.entry(seat, SeatState.LEFT))
                self.rebalance_without(seat)
        if self.stable_at and now >= self.stable_at:
            self.stable_at = 0.0
            self.generation += 1
            self.joined.update(dict.fromkeys(self.live, self.generation))
        for seat in self.live:
            self.roster.write(self.entry(seat, SeatState.STOPPING if seat in self.leaving else SeatState.RUNNING))

    def rebalance_without(self, seat: str) -> None:
        if seat not in self.seats:
            return
        self.seats.remove(seat)
        self.stable_at = self.roster.now + REBALANCE

    # --- what the scaler sees and does --------------------------------------------------------------------------------

    async def describe(self, group_id: str) -> Group:
        if self.stable_at:
            return Group(group_id, "PreparingRebalance", tuple(Member(self.name(s), s, s, "/h") for s in self.seats))
        members = [
            Member(self.name(s), s, s, "/h", {"t": tuple(range(index, 4, len(self.seats)))}, frozenset({"t"}))
            for index, s in enumerate(self.seats)
        ]
        return Group(group_id, "Stable", tuple(members))

    def name(self, seat: str) -> str:
        return f"{seat}-{self.lives.get(seat, 1)}"

    async def remove(self, group_id: str, group_instance_id: str, member_id: str | None = None) -> None:
        self.on_remove()
        if group_instance_id not in self.seats:
            raise SeatNotFoundError("gone")
        if member_id != self.name(group_instance_id):
            raise SeatLiveError("somebody else sits there")
        self.removed.append(group_instance_id)
        self.rebalance_without(group_instance_id)

    async def partition_counts(self, topics: Collection[str]) -> Mapping[str, int]:
        return dict.fromkeys(topics, 4)

    async def write(self, wanted: Wanted) -> None:
        self.written.append(wanted)
        for seat in wanted.surplus & self.live - self.deaf:
            self.leaving.setdefault(seat, self.roster.now + FINISHING)
            self.roster.write(self.entry(seat, SeatState.STOPPING))

    async def forget(self, seat: str) -> None:
        self.forgotten.append(seat)

    def scaler(self, count: int, timeout: float = 30.0) -> Scaler:
        group = asyncio.run(self.describe("g"))
        decided = plan(group, {}, self.live, count)
        self.roster.now += 0.1
        tools = Tools(self, self.roster, self.write, self.forget, self.roster.clock, self.roster.pause)
        return Scaler("g", decided, self.roster.now, timeout, tools, self.told.append)

    def scale(self, count: int) -> Progress:
        return asyncio.run(self.scaler(count).run())


def test_live_workers_leave_one_at_a_time_highest_first() -> None:
    fleet = FakeFleet({"w-0", "w-1", "w-2", "w-3"})
    progress = fleet.scale(2)
    assert fleet.seats == ["w-0", "w-1"]
    assert [(step.seat, step.phase, step.action) for step in progress.steps] == [
        ("w-3", Phase.DONE, "left"),
        ("w-2", Phase.DONE, "left"),
    ]
    assert [step.generation_id for step in progress.steps] == [8, 9]
    assert fleet.removed == fleet.forgotten == []
    assert [wanted.surplus for wanted in fleet.written] == [{"w-3"}, {"w-2"}, frozenset()]
    assert {wanted.count for wanted in fleet.written} == {2}


def test_standstill_lasts_from_the_end_of_work_to_the_new_generation() -> None:
    (step,) = FakeFleet({"w-0", "w-1"}).scale(1).steps
    assert step.standstill == pytest.approx(FINISHING + REBALANCE, abs=0.25)
    assert step.seconds is not None
    assert step.standstill is not None
    assert step.standstill <= step.seconds


def test_dead_worker_is_removed_and_forgotten() -> None:
    fleet = FakeFleet({"w-0"}, dead={"w-1"})
    (step,) = fleet.scale(1).steps
    assert (fleet.removed, fleet.forgotten, step.action) == (["w-1"], ["w-1"], "removed")
    assert step.standstill == pytest.approx(REBALANCE, abs=0.15)


def test_worker_that_comes_back_to_life_before_its_turn_is_asked_not_removed() -> None:
    fleet = FakeFleet({"w-0", "w-1"}, dead={"w-2"})
    scaler = fleet.scaler(2)
    fleet.live.add("w-2")
    fleet.go_on(fleet.roster.now + 0.1)
    fleet.roster.now += 0.2
    fleet.go_on(fleet.roster.now)
    asyncio.run(scaler.run())
    assert (fleet.removed, fleet.seats) == ([], ["w-0", "w-1"])


def test_worker_that_sits_down_between_look_and_removal_is_asked_not_removed() -> None:
    fleet = FakeFleet({"w-0", "w-1"}, dead={"w-2"})
    scaler = fleet.scaler(2)

    def sit_down() -> None:
        fleet.lives["w-2"] = 2
        fleet.live.add("w-2")
        fleet.on_remove = lambda: None

    fleet.on_remove = sit_down
    (step,) = asyncio.run(scaler.run()).steps
    assert (fleet.removed, fleet.forgotten, step.action) == ([], [], "left")
    assert fleet.seats == ["w-0", "w-1"]


def test_who_sits_down_and_says_nothing_is_removed_a_moment_later() -> None:
    fleet = FakeFleet({"w-0", "w-1"}, dead={"w-2"})
    scaler = fleet.scaler(2)
    fleet.on_remove = lambda: fleet.lives.setdefault("w-2", 2)
    began = fleet.roster.now
    asyncio.run(scaler.run())
    assert fleet.removed == ["w-2"]
    assert fleet.roster.now - began >= 2.0


def test_worker_that_dies_while_it_is_asked_is_removed() -> None:
    fleet = FakeFleet({"w-0", "w-1"}, deaf={"w-1"})
    scaler = fleet.scaler(1)
    fleet.live.discard("w-1")
    asyncio.run(scaler.run())
    assert fleet.removed == ["w-1"]
    assert fleet.roster.now > 110.0, "its entry had to grow old first"


def test_worker_that_stays_when_it_stops_is_removed() -> None:
    fleet = FakeFleet({"w-0", "w-1"}, deaf={"w-1"})
    scaler = fleet.scaler(1)
    fleet.live.discard("w-1")
    fleet.roster.write(fleet.entry("w-1", SeatState.STOPPED))
    asyncio.run(scaler.run())
    assert fleet.removed == ["w-1"]


def test_worker_that_does_not_listen_is_asked_every_two_seconds_until_the_time_is_up() -> None:
    fleet = FakeFleet({"w-0", "w-1"}, deaf={"w-1"})
    with pytest.raises(CheckFailedError, match=r"Step 1 of 1 is not settled after 5 s: seat w-1 is still in the group"):
        asyncio.run(fleet.scaler(1, timeout=5.0).run())
    assert [wanted.surplus for wanted in fleet.written] == [{"w-1"}] * 3 + [frozenset()]
    assert fleet.told[-1].steps[0].phase is Phase.ASKED


def test_member_that_says_nothing_is_left_alone_and_named() -> None:
    fleet = FakeFleet({"w-0", "w-1"}, deaf={"w-1"})
    fleet.live.discard("w-1")
    fleet.roster.forget("w-1")
    decided = plan(asyncio.run(fleet.describe("g")), {}, {"w-0", "w-1"}, 1)
    tools = Tools(fleet, fleet.roster, fleet.write, fleet.forget, fleet.roster.clock, fleet.roster.pause)
    with pytest.raises(CheckFailedError, match="Seat w-1 has no entry in the roster"):
        asyncio.run(Scaler("g", decided, fleet.roster.now, 3.0, tools).run())
    assert fleet.removed == []


def test_nobody_is_removed_while_nobody_can_be_heard() -> None:
    fleet = FakeFleet({"w-0"}, dead={"w-1"})
    fleet.roster.problem = "Grant WRITE."
    with pytest.raises(CheckFailedError, match=r"Grant WRITE\."):
        asyncio.run(fleet.scaler(1, timeout=5.0).run())
    assert fleet.removed == []


def test_seat_that_has_gone_by_itself_costs_nothing() -> None:
    fleet = FakeFleet({"w-0", "w-1"})
    scaler = fleet.scaler(1)
    fleet.live.discard("w-1")
    fleet.roster.write(fleet.entry("w-1", SeatState.LEFT))
    fleet.seats.remove("w-1")
    (step,) = asyncio.run(scaler.run()).steps
    assert (step.phase, step.standstill, fleet.removed) == (Phase.DONE, 0.0, [])


def test_worker_about_to_join_is_asked_too() -> None:
    fleet = FakeFleet({"w-0", "w-1"})
    decided = plan(asyncio.run(fleet.describe("g")), {"w-1": fleet.entry("w-1")}, {"w-0", "w-1"}, 1)
    fleet.seats.remove("w-1")
    tools = Tools(fleet, fleet.roster, fleet.write, fleet.forget, fleet.roster.clock, fleet.roster.pause)
    asyncio.run(Scaler("g", decided, fleet.roster.now, 9.0, tools).run())
    assert fleet.written[0].surplus == {"w-1"}
    assert fleet.live == {"w-0"}


def test_every_phase_is_told_in_order() -> None:
    fleet = FakeFleet({"w-0", "w-1"}, dead={"w-2"})
    fleet.scale(1)
    phases = [tuple(step.phase for step in progress.steps) for progress in fleet.told]
    first, second = (list(dict.fromkeys(found)) for found in zip(*phases, strict=True))
    assert first == [Phase.REMOVED, Phase.DONE]
    assert second[-3:] == [Phase.STOPPING, Phase.GONE, Phase.DONE]
    assert second[0] is Phase.WAITING


def test_group_that_has_its_size_is_only_waited_for() -> None:
    fleet = FakeFleet({"w-0", "w-1"})
    fleet.stable_at = fleet.roster.now + 1.0
    assert fleet.scale(2).steps == ()
    assert fleet.roster.now >= 101.0
    assert fleet.written == []


def test_scaling_up_waits_for_nobody() -> None:
    fleet = FakeFleet({"w-0"})
    fleet.stable_at = fleet.roster.now + 50.0
    assert fleet.scale(3).steps == ()
    assert fleet.roster.now < 101.0


def test_interrupted_it_takes_its_order_back() -> None:
    fleet = FakeFleet({"w-0", "w-1"}, deaf={"w-1"})

    async def scenario() -> None:
        scaling = asyncio.create_task(scaler.run())
        fleet.roster.on_wait = lambda now: scaling.cancel() if now > 103.0 else fleet.go_on(now)
        with pytest.raises(asyncio.CancelledError):
            await scaling

    scaler = fleet.scaler(1)
    asyncio.run(scenario())
    assert fleet.written[-1] == Wanted(1)


def test_order_that_cannot_be_taken_back_does_not_hide_why_it_ended() -> None:
    fleet = FakeFleet({"w-0", "w-1"}, deaf={"w-1"})
    scaler = fleet.scaler(1, timeout=1.0)
    write = fleet.write

    async def once(wanted: Wanted) -> None:
        if not wanted.surplus:
            raise RosterUnavailableError("away")
        await write(wanted)

    scaler._tools = replace(scaler._tools, write=once)
    with pytest.raises(CheckFailedError):
        asyncio.run(scaler.run())
