"""Streams share the event loop, and between two turns they wait for the lease and for room."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from framework.streams.agents import turns
from framework.streams.agents.turns import SHORTEST, TURN, Turns
from framework.streams.lease import Lease
from tests.unit.streams.fakes import run, settle
from tests.unit.streams.feeding import fed, looping


class FakeApp:
    """A fake of the app.

    Attributes:
        waits: what was waited for, in order; `room` is open while nobody has to wait.
    """

    def __init__(self) -> None:
        self.lease = Lease()
        self.waits: list[str] = []
        self.room = asyncio.Event()
        self.room.set()
        self.producer = SimpleNamespace(buffer=SimpleNamespace(wait_until_ebb=self._wait_until_ebb))
        self.tables = SimpleNamespace(ebb=self._ebb)

    async def _wait_until_ebb(self) -> None:
        self.waits.append("producer")
        await self.room.wait()

    async def _ebb(self) -> None:
        self.waits.append("tables")


def lasting(new: Turns) -> float:
    return new.deadline() - time.monotonic()


def new_turns(busy: int = 0, lease: Lease | None = None) -> Turns:
    new = Turns(SimpleNamespace(lease=lease or Lease()))
    for _ in range(busy):
        new.enter()
    return new


class TestDeadline:
    @pytest.mark.parametrize(
        ("busy", "seconds"), [(0, TURN), (1, TURN), (2, TURN / 2), (30, TURN / 30), (200, SHORTEST)]
    )
    def test_time_is_shared_by_those_who_have_records(self, busy: int, seconds: float, clock: "Clock") -> None:
        async def scenario() -> None:
            assert new_turns(busy).deadline() - clock.now == pytest.approx(seconds)

        run(scenario)

    def test_who_waits_for_records_takes_no_share(self, clock: "Clock") -> None:
        async def scenario() -> None:
            new = new_turns(2)
            new.leave()
            assert new.deadline() - clock.now == pytest.approx(TURN)

        run(scenario)

    def test_those_who_wake_together_share_one_pass(self, clock: "Clock") -> None:
        """Each has records only for a moment, and sees nobody else who has."""

        async def scenario() -> None:
            new, shares = new_turns(), []
            for _ in range(30):
                shares.append(new.deadline() - clock.now)
                clock.now += min(shares[-1], 0.002)
            assert shares[:5] == pytest.approx([TURN, TURN - 0.002, TURN - 0.004, TURN - 0.006, SHORTEST])
            assert sum(min(share, 0.002) for share in shares) < 0.011
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert new.deadline() - clock.now == pytest.approx(TURN)

        run(scenario)

    def test_ends_with_the_lease(self) -> None:
        async def scenario() -> None:
            lease = Lease()
            new = new_turns(lease=lease)
            lease.set_duration(60.0, time.monotonic() - 59.999)
            assert lasting(new) <= 0.001
            lease.withhold()
            assert lasting(new) < 0

        run(scenario)


class Clock:
    """What `monotonic` says."""

    now = 100.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(turns, "monotonic", lambda: found.now)
    return found


class TestNext:
    def test_lets_others_run_and_gives_a_new_deadline(self) -> None:
        async def scenario() -> None:
            app: Any = FakeApp()
            ran: list[int] = []
            asyncio.get_running_loop().call_soon(ran.append, 1)
            assert await Turns(app).next() > time.monotonic()
            assert ran == [1]
            assert app.waits == ["producer", "tables"]

        run(scenario)

    def test_waits_for_room(self) -> None:
        async def scenario() -> None:
            app: Any = FakeApp()
            app.room.clear()
            waiting = asyncio.ensure_future(Turns(app).next())
            await settle()
            assert not waiting.done()
            app.room.set()
            await waiting

        run(scenario)

    def test_waits_for_the_lease_and_then_for_room_again(self) -> None:
        async def scenario() -> None:
            app: Any = FakeApp()
            app.lease.withhold()
            waiting = asyncio.ensure_future(Turns(app).next())
            await settle()
            assert not waiting.done()
            app.lease.release(time.monotonic())
            await waiting
            assert app.waits == ["producer", "tables"] * 2

        run(scenario)


class TestStreams:
    def test_have_the_loop_in_turns(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(turns, "TURN", 0.00005)
        monkeypatch.setattr(turns, "SHORTEST", 0.00005)

        async def scenario() -> None:
            async with fed() as feeding:
                one, other = [await looping(feeding, feeding.stream()) for _ in range(2)]
                feeding.feed(*range(2000))
                async with asyncio.timeout(5.0):
                    while not one.got:
                        await asyncio.sleep(0)
                    for _ in range(6):
                        await asyncio.sleep(0)
                assert 0 < len(one.got) < 2000
                assert 0 < len(other.got) < 2000
                async with asyncio.timeout(5.0):
                    while len(one.got) + len(other.got) < 4000:
                        await asyncio.sleep(0)
                assert one.got == other.got == list(range(2000))

        run(scenario)

    def test_long_run_lets_go_of_the_loop(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                loop = await looping(feeding, feeding.stream())
                feeding.feed(*range(20_000))
                longest = 0.0
                async with asyncio.timeout(5.0):
                    while len(loop.got) < 20_000:
                        began = time.monotonic()
                        await asyncio.sleep(0)
                        longest = max(longest, time.monotonic() - began)
                assert feeding.committable() == 20_000
                # A turn, and what a busy machine takes for itself.
                assert longest < 0.1

        run(scenario)

    def test_who_waits_is_not_busy(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                await looping(feeding, feeding.stream())
                feeding.feed(0, 1)
                await settle()
                assert feeding.app.turns._busy == 0

        run(scenario)
