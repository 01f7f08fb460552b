"""Fakes for the life of a standby: a primary group, its roster, and a clock that goes on only while somebody waits."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

import framework.lifecycle.lookout as lookout_module
import framework.lifecycle.standby as standby_module
import framework.lifecycle.standby_presence as presence_module
import framework.lifecycle.standby_telling as telling_module
from framework import App
from framework.errors import BrokerUnavailableError, RosterUnavailableError
from framework.identity import Incarnation
from framework.lifecycle.link import Shadows
from framework.membership.group import Group, Member
from framework.membership.roster import Entry
from framework.membership.roster_records import encode
from framework.membership.roster_topic import RosterMissingError
from framework.membership.roster_view import RosterView
from framework.states import SeatState
from tests.unit.lifecycle.fake_keeper import FakeKeeper, Keepers
from tests.unit.lifecycle.fake_seat import bound_app

CHANGELOG = "flights-sums-changelog"
STANDBY_ID = "flights-standby-0"
STEP = 0.05
ECHO = 0.5
"""Seconds between two entries, of whomever."""


def owner_of(number: int, **changes: Any) -> Entry:
    """The entry of the worker in the seat `flights-<number>`, which knows that it is shadowed."""
    seat, process = f"flights-{number}", Incarnation("there", 70 + number, 4_000, f"0000000{number}")
    entry = Entry(
        seat,
        f"{seat}@there#4000-{process.suffix}",
        process,
        SeatState.RUNNING,
        0,
        "flights",
        member_id=f"m-{number}",
        lease=3.0,
        interval=0.75,
    )
    return replace(entry, **changes)


def member_of(number: int, **changes: Any) -> Member:
    """The member in that seat, which works on one changelog partition of the same number."""
    owner = owner_of(number)
    member = Member(
        owner.member_id,
        owner.group_instance_id,
        owner.client_id,
        "/there",
        subscription=frozenset({"orders", CHANGELOG}),
        actives={"orders": (number,), CHANGELOG: (number,)},
    )
    return replace(member, **changes)


def primary_of(*numbers: int, state: str = "Stable") -> Group:
    """The primary group, with a member in each of these seats."""
    return Group("flights", state, tuple(member_of(number) for number in numbers))


def standby_app(standby_id: str = STANDBY_ID, home: str | None = None, **settings: Any) -> App:
    """An app in the standby group."""
    app = bound_app(home or standby_id, **settings)
    app.role = "standby" if home is None else "primary"
    app.home = home
    app.shadow(standby_id)
    return app


class World:
    """Everything that a standby meets.

    Attributes:
        now: monotonic seconds.
        view: the roster.
        groups: by id, as the coordinator describes them; None: it cannot be asked.
        speaking: who writes an entry each `ECHO` seconds, by client id.
        echoes: whether the standby's own entries come back.
        roster_errors: what the next tries to read the roster meet.
        write_errors: what the next writes of single records meet.
        written: those records, as partition, key, value.
        on_write: called with each.
        ensured: for which groups the topic was made.
        looks: the groups that were described, in order.
        reader_problem: why the roster could not be read last.
        shadow: keeps the tables.
        calls: what became of the standby's parts, in order.
        reports: what the supervisor was told.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.view = RosterView()
        self.groups: dict[str, Group | None] = {
            "flights": primary_of(0, 1),
            "flights-standby": Group("flights-standby", "Stable"),
        }
        self.speaking: dict[str, Entry] = {}
        self.echoes = True
        self.roster_errors: list[Exception] = []
        self.write_errors: list[Exception] = []
        self.written: list[tuple[int, bytes, bytes | None]] = []
        self.on_write: Callable[[], None] = lambda: None
        self.ensured: list[str] = []
        self.looks: list[str] = []
        self.reader_problem = ""
        self.calls: list[Any] = []
        self.reports: list[Shadows] = []
        self.keepers = Keepers()
        self.shadow = FakeShadow(self)
        self.app: App | None = None
        self._spoke_at = 0.0
        self._later: list[tuple[float, Callable[[], None]]] = []
        clock = SimpleNamespace(monotonic=lambda: self.now, time_ns=lambda: round(self.now * 1e9))
        waiting = SimpleNamespace(**{**vars(asyncio), "sleep": self.sleep, "to_thread": self.to_thread})
        for module in (lookout_module, standby_module, presence_module):
            patch.setattr(module, "time", clock)
            patch.setattr(module, "asyncio", waiting)
        patch.setattr(telling_module, "time", clock)
        patch.setattr(lookout_module, "GroupAdmin", lambda _connection: FakeAdmin(self))
        patch.setattr(lookout_module, "RosterReader", lambda _connection, _group_id, **_options: FakeReader(self))
        patch.setattr(lookout_module, "ensure_topic", self.ensure_topic)
        patch.setattr(lookout_module, "write_record", self.write)
        patch.setattr(standby_module, "Shadow", self.shadow.made)
        patch.setattr(telling_module, "write_record", self.write)
        patch.setattr(presence_module, "write_record", self.write)
        patch.setattr(presence_module, "RosterKeeper", self.keepers)

    # --- what goes on -------------------------------------------------------------------------------------------------

    def at(self, moment: float, do: Callable[[], None]) -> None:
        """Do something later: `moment` seconds after the start."""
        self._later.append((100.0 + moment, do))

    def speaks(self, *entries: Entry) -> None:
        """Let workers write these entries again and again from now on."""
        for entry in entries:
            self.speaking[entry.client_id] = entry

    def says(self, entry: Entry) -> None:
        """Let one write an entry once, its last one."""
        self.speaking.pop(entry.client_id, None)
        self.view.apply(entry.group_instance_id.encode(), encode(entry), self.now, 0)

    def dies(self, entry: Entry) -> None:
        """Let one fall silent."""
        del self.speaking[entry.client_id]

    def go_on(self, seconds: float = STEP) -> None:
        """Let the time go on."""
        until = self.now + seconds
        while self.now < until - STEP / 2:
            self.now = round(self.now + STEP, 6)
            for moment, do in [each for each in self._later if each[0] <= self.now]:
                self._later.remove((moment, do))
                do()
            if self.now - self._spoke_at >= ECHO - STEP / 2:
                self._spoke_at = self.now
                self._speak()

    def _speak(self) -> None:
        entries = list(self.speaking.values())
        if self.echoes and self.app is not None and self.keepers:
            entries.append(self.keeper.now)
        for entry in entries:
            self.view.apply(entry.group_instance_id.encode(), encode(entry), self.now, 0)

    @property
    def keeper(self) -> "FakeKeeper":
        """What the standby writes its entries with."""
        return self.keepers[-1]

    async def sleep(self, seconds: float) -> None:
        """Wait for the time to go on, which somebody else sees to."""
        until = self.now + seconds
        await asyncio.sleep(0)
        while self.now < until - STEP / 2:
            await asyncio.sleep(0)

    async def to_thread(self, do: Callable[..., Any], **options: Any) -> None:
        do(**options)

    async def write(self, _connection: Any, topic: str, partition: int, key: bytes, value: bytes | None) -> None:
        assert topic == "flights-roster"
        await asyncio.sleep(0)
        if self.write_errors:
            raise self.write_errors.pop(0)
        self.on_write()
        self.written.append((partition, key, value))

    async def ensure_topic(self, _connection: Any, group_id: str, _replication_factor: int) -> None:
        self.ensured.append(group_id)
        if self.write_errors:
            raise self.write_errors.pop(0)


MISSING = RosterMissingError("The topic is missing.")
UNAVAILABLE = RosterUnavailableError("No right.")


class FakeAdmin:
    """A fake of `GroupAdmin`."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def start(self) -> None:
        self._world.calls.append("admin started")

    async def close(self) -> None:
        self._world.calls.append("admin closed")

    async def describe(self, group_id: str) -> Group:
        self._world.looks.append(group_id)
        await asyncio.sleep(0)
        group = self._world.groups[group_id]
        if group is None:
            raise BrokerUnavailableError("No broker answered.")
        return group


class FakeReader:
    """A fake of `RosterReader`; whoever waits for news moves the time."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def view(self) -> RosterView:
        return self._world.view

    @property
    def problem(self) -> str:
        return self._world.reader_problem

    async def start(self) -> None:
        if self._world.roster_errors:
            raise self._world.roster_errors.pop(0)
        self._world.calls.append("reader started")

    async def changed(self, timeout: float) -> bool:
        self._world.go_on(timeout)
        await asyncio.sleep(0)
        return False

    async def read_to_end(self) -> None:
        self._world.calls.append("read to end")
        if self._world.roster_errors:
            raise self._world.roster_errors.pop(0)

    async def close(self) -> None:
        self._world.calls.append("reader closed")


class FakeShadow:
    """A fake of `Shadow`.

    Attributes:
        follows: what it was to shadow, in order.
        behind: changelog records that each partition is behind; None: not known.
        problem: why the tables are not what their owners have.
        failure: what ended it.
        listener: whom it tells what becomes of its member.
        member: in the standby group; None: it has not connected.
        confirms_leave: whether the broker answers when it leaves.
    """

    def __init__(self, world: World) -> None:
        self.follows: list[Mapping[str, tuple[int, ...]]] = []
        self.behind: int | None = 0
        self.problem = ""
        self.failure: BaseException | None = None
        self.changelogs = frozenset({CHANGELOG})
        self.listener: Any = None
        self.options: dict[str, Any] = {}
        self.member: Any = None
        self.confirms_leave = True
        self._world = world

    def made(self, _app: App, *, listener: Any, **options: Any) -> "FakeShadow":
        self.listener, self.options = listener, options
        return self

    async def start(self) -> None:
        self.member = SimpleNamespace(has_left=False)
        self._world.calls.append("shadow started")

    async def follow(self, wishes: Mapping[str, Iterable[int]]) -> None:
        self.follows.append({topic: tuple(found) for topic, found in wishes.items()})

    def lags(self) -> Mapping[TP, int | None]:
        wished = self.follows[-1] if self.follows else {}
        return {TP(topic, number): self.behind for topic, numbers in wished.items() for number in numbers}

    async def catch_up(self, timeout: float) -> bool:
        self._world.calls.append("caught up")
        return True

    async def let_go(self, *, keep: Mapping[str, Iterable[int]] | None = None) -> None:
        self._world.calls.append(("let go", keep))

    async def stop(self, *, leave: bool) -> None:
        self._world.calls.append(("shadow stopped", leave))
        if self.member is not None:
            self.member.has_left = leave and self.confirms_leave
