"""Fakes for a process that comes into a seat: who says whether it is free, and the life in the standby group."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import framework.lifecycle.seat as seat_module
import framework.lifecycle.seating as module
import framework.lifecycle.standby as standby_module
from framework import App
from framework.lifecycle.link import Go
from framework.lifecycle.standby import Promotion
from framework.membership.roster import Takeover
from framework.states import WorkerState
from tests.unit.lifecycle.fake_seat import SEAT, bound_app
from tests.unit.lifecycle.fake_worker import FakeLink, Recorded

STANDBY_ID = "flights-standby-0"


def promotion(seat: str = SEAT, kind: str = "takeover") -> Promotion:
    """A decision to sit down."""
    owner: Any = None
    return Promotion(seat, Takeover(kind, f"{seat}@there#1-0a", 3.2), 100.0, owner)


class FakeStandby:
    """A fake of `Standby`: it shadows until the test has it promoted, or until it is stopped.

    Attributes:
        identity: group and instance id that the app had when it began.
        confirms: set when nobody else can emit any more.
        goes_home: set when the worker's own seat can be had by joining.
        fails: the error with which it cannot confirm anything.
        closed: whether it left, once it is closed.
    """

    def __init__(self, place: "Place", app: App) -> None:
        assert app.identity is not None
        self.identity = (app.identity.group_id, app.identity.group_instance_id)
        self.standby_id = app.standby_id
        self.promoted: asyncio.Future[Promotion] = asyncio.get_running_loop().create_future()
        self.confirms = asyncio.Event()
        self.goes_home = asyncio.Event()
        self.fails: Exception | None = None
        self.closed: bool | None = None
        self._place, self._app = place, app

    async def run(self, stop: asyncio.Event) -> Promotion | None:
        self._place.calls.append("shadow")
        ends = {asyncio.ensure_future(event.wait()) for event in (stop, self.goes_home)}
        await asyncio.wait({*ends, self.promoted}, return_when=asyncio.FIRST_COMPLETED)
        return self.promoted.result() if self.promoted.done() else None

    async def sit_down(self, promotion: Promotion) -> None:
        assert self._app.identity is not None
        self._place.calls.append(("sit down", self._app.identity.group_id))

    async def confirm(self, promotion: Promotion) -> None:
        self._place.calls.append("confirm")
        if self.fails is not None:
            raise self.fails
        await self.confirms.wait()

    async def settled(self, promotion: Promotion) -> None:
        self._place.calls.append(("settled", promotion.seat))
        await self.close(leave=True)

    async def close(self, *, leave: bool) -> bool:
        self._place.calls.append(("close", leave, self._app.lease.is_held()))
        self.closed = leave
        return leave and self._place.confirms_leave


class Place:
    """A process that looks for its place, and what it finds.

    Attributes:
        app: the app, whose seat is `SEAT` unless it is a standby.
        worker: the process.
        link: what it tells its supervisor.
        calls: what was asked and done, in order.
        is_free: by group, whether the process may join.
        confirms_leave: whether the broker answers a standby that leaves.
        standbys: its lives in the standby group.
    """

    def __init__(self, patch: pytest.MonkeyPatch, role: str = "primary", **settings: Any) -> None:
        self.app = bound_app(SEAT if role == "primary" else STANDBY_ID, **settings)
        app: Any = self.app
        app.role = role
        if role == "standby":
            app.home = None
            app.shadow(STANDBY_ID)
        self.link = FakeLink()
        self.worker = Recorded(self.link).at(WorkerState.CONNECTING, asyncio.get_running_loop())
        self.worker._app = self.app
        self.calls: list[Any] = []
        self.is_free = {"flights": True, "flights-standby": True}
        self.confirms_leave = True
        self.standbys: list[FakeStandby] = []
        patch.setattr(module.logs, "configure", lambda *_, **__: None)
        patch.setattr(seat_module, "await_seat", self._await_seat)
        patch.setattr(standby_module, "Standby", self._standby)

    async def _await_seat(self, app: App, go: Go, on_waiting: Callable[..., None]) -> bool:
        assert app.identity is not None
        self.calls.append(("look", app.identity.group_id, app.identity.group_instance_id, go))
        return self.is_free[app.identity.group_id]

    def _standby(self, app: App, on_report: Any) -> FakeStandby:
        assert on_report == self.link.say
        self.standbys.append(FakeStandby(self, app))
        return self.standbys[-1]

    def sit_down(self, go: Go | None = None) -> "asyncio.Task[bool]":
        """Let it find its place."""
        self.worker._go = go or Go()
        return asyncio.ensure_future(self.worker._sit_down(self.app))

    async def shadowing(self) -> FakeStandby:
        """Its life in the standby group, once that has begun."""
        await self.until(lambda: "shadow" in self.calls)
        return self.standbys[-1]

    async def until(self, holds: Callable[[], object]) -> None:
        """Let the others go on until something holds."""
        async with asyncio.timeout(5.0):
            while not holds():
                await asyncio.sleep(0)

    @property
    def done(self) -> list[Any]:
        """What was done beside looking."""
        return [call for call in self.calls if call[0] != "look"]

    @property
    def looks(self) -> list[tuple[str, str, Go]]:
        """Group, instance id, and what was known of the processes before."""
        return [call[1:] for call in self.calls if call[0] == "look"]
