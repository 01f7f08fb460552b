"""A fake: a seat as a worker sees it before it joins, made by hand, and a clock that goes on only while it waits."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Self

import pytest

import framework.lifecycle.seat as module
from framework import App
from framework.errors import BrokerUnavailableError, RosterUnavailableError
from framework.identity import Identity, Incarnation
from framework.lifecycle.link import Go
from framework.lifecycle.status import Fence
from framework.membership.group import Group, Member
from framework.membership.roster import Entry
from framework.membership.roster_records import encode
from framework.membership.roster_view import RosterView
from framework.states import SeatState
from tests.unit.membership.apps import offline_app

SEAT = "w-0"
ME = Incarnation("here", 10, 5_000, "0000000a")
OTHER = Incarnation("there", 77, 4_000, "0000000b")
NEWER = Incarnation("there", 78, 6_000, "0000000c")
CHANCE = 0.5
"""What the fake draws whenever something is left to chance."""


def client_id(of: Incarnation) -> str:
    """An incarnation as the broker shows it."""
    return f"{SEAT}@{of.host}#{of.start_ms}-{of.suffix}"


def bound_app(instance_id: str | None = SEAT, **settings: object) -> App:
    """An app that knows that it is `ME`."""
    app = offline_app(instance_id, **settings)
    app.identity = Identity("flights", instance_id, 0, "flights", ME.host, "test", "it is one")
    app.incarnation = ME
    app.home = instance_id
    return app


class FakeSeat:
    """A fake of `GroupAdmin`, `RosterReader` and the clock for the one seat of the group `flights`.

    Attributes:
        now: monotonic seconds.
        holder: member that the coordinator shows in the seat.
        view: what the roster says.
        has_roster: whether the roster's topic can be read at all.
        can_write: whether it can be written.
        doubt: why the roster's silence proves nothing; empty where it does.
        outage: seconds until which no broker answers.
        looks: when the group was described.
        waited: how often somebody slept or waited for the roster.
        open: connections that nobody has closed.
        announced: what shadows were told: group, seat, client id, and how often it was read to the end before.
        on_announced: called with each.
        reads: how often the roster was read to its end.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.holder: Member | None = None
        self.view = RosterView()
        self.has_roster = True
        self.can_write = True
        self.doubt = ""
        self.outage = 0.0
        self.looks: list[float] = []
        self.waited = 0
        self.open: set[object] = set()
        self.rosters = 0
        self.told: list[Fence] = []
        self.announced: list[tuple[str, str, str, int]] = []
        self.on_announced: Callable[[], None] = lambda: None
        self.reads = 0
        self._later: list[tuple[float, Callable[[], None]]] = []
        patch.setattr(module, "GroupAdmin", lambda connection: FakeAdmin(self))
        patch.setattr(module, "RosterReader", lambda connection, group_id: FakeReader(self))
        patch.setattr(module, "write_record", self.write)
        patch.setattr(module, "tell_restarting", self.tell_restarting)
        patch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now))
        patch.setattr(module, "asyncio", SimpleNamespace(sleep=self.sleep))
        patch.setattr(module, "random", SimpleNamespace(random=lambda: CHANCE))

    # --- what goes on -------------------------------------------------------------------------------------------------

    def sits(self, who: Incarnation, member_id: str = "m-other", state: SeatState = SeatState.RUNNING) -> None:
        """A process sits down, or says that it does something else there."""
        self.holder = Member(member_id, SEAT, client_id(who), f"/{who.host}")
        self.says(who, member_id, state)

    def says(self, who: Incarnation, member_id: str = "m-other", state: SeatState = SeatState.RUNNING) -> None:
        """A process writes into the roster."""
        entry = Entry(SEAT, client_id(who), who, state, 0, "flights", member_id=member_id)
        self.view.apply(SEAT.encode(), encode(entry), self.now, 0)

    async def write(self, _connection: Any, _topic: str, _partition: int, key: bytes, value: bytes | None) -> None:
        """A waiting process writes into the roster."""
        if not self.can_write:
            raise RosterUnavailableError("no right")
        self.view.apply(key, value, self.now, 0)

    async def tell_restarting(self, _connection: Any, group_id: str, seat: str, client_id: str) -> None:
        """A process that comes tells the shadows of its seat."""
        self.announced.append((group_id, seat, client_id, self.reads))
        self.on_announced()

    def at(self, moment: float, do: Callable[[], None]) -> None:
        """Do something later: `moment` seconds after the start."""
        self._later = sorted([*self._later, (100.0 + moment, do)], key=lambda found: found[0])

    async def sleep(self, seconds: float) -> None:
        """Let the time go on."""
        self.waited += 1
        until = self.now + seconds
        while self._later and self._later[0][0] <= until:
            self._next()
        self.now = until
        await asyncio.sleep(0)

    async def changed(self, timeout: float) -> bool:
        """Let the time go on until something happens."""
        if self._later and self._later[0][0] <= self.now + timeout:
            self.waited += 1
            self._next()
            await asyncio.sleep(0)
            return True
        await self.sleep(timeout)
        return False

    def _next(self) -> None:
        self.now, do = self._later.pop(0)
        do()

    @property
    def after(self) -> list[float]:
        """When the group was described, in seconds after the start."""
        return [round(look - 100.0, 3) for look in self.looks]

    # --- the worker ---------------------------------------------------------------------------------------------------

    def await_seat(self, go: Go | None = None, app: App | None = None, **settings: object) -> None:
        """Let a worker wait for the seat, until it may join or gives up."""
        waiting = module.await_seat(app or bound_app(**settings), go or Go(), self.told.append)
        asyncio.run(asyncio.wait_for(waiting, 20.0))


class FakeAdmin:
    """A fake of `GroupAdmin`."""

    def __init__(self, seat: FakeSeat) -> None:
        self._seat = seat

    async def __aenter__(self) -> Self:
        self._seat.open.add(self)
        return self

    async def __aexit__(self, *_: Any) -> None:
        self._seat.open.remove(self)

    async def describe(self, group_id: str) -> Group:
        """The group of one seat."""
        seat = self._seat
        seat.looks.append(seat.now)
        if seat.now < seat.outage:
            raise BrokerUnavailableError("No broker answered.")
        return Group(group_id, "Stable", (seat.holder,)) if seat.holder else Group(group_id, "Empty")


class FakeReader:
    """A fake of `RosterReader`."""

    def __init__(self, seat: FakeSeat) -> None:
        self._seat = seat

    async def start(self) -> None:
        self._seat.rosters += 1
        if not self._seat.has_roster:
            raise RosterUnavailableError("The topic is missing.")
        self._seat.open.add(self)

    async def close(self) -> None:
        self._seat.open.discard(self)

    async def changed(self, timeout: float) -> bool:
        return await self._seat.changed(timeout)

    async def read_to_end(self) -> None:
        self._seat.reads += 1

    @property
    def view(self) -> RosterView:
        return self._seat.view

    def is_current(self, now: float) -> bool:
        return not self._seat.doubt

    def is_telling(self, now: float) -> bool:
        return not self._seat.doubt

    def doubt(self, now: float) -> str:
        return self._seat.doubt
