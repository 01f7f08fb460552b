"""What a worker does when a shadow is to have its seat, by order or as a drill; app and roster are fakes."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

import framework.lifecycle.worker as module
from framework.exit_codes import ExitCode
from framework.lifecycle.link import Beat, Left, Moved, Stop, Yielded
from framework.membership.roster import Order, OrderKind
from framework.states import StopReason, WorkerState
from tests.unit.lifecycle.fake_worker import EndedError, Living

HANDOVER = Order("w-0", OrderKind.HANDOVER, "w-0@here#1-aa", "shop-standby-0@there#2-bb")
DRILL = Order("w-0", OrderKind.DRILL, "w-0@here#1-aa", "")

Scenario = Callable[[], Awaitable[None]]


def run(scenario: Scenario) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 10.0))


async def running() -> tuple[Living, "asyncio.Task[None]"]:
    living = Living()
    life = living.live()
    await living.reached(WorkerState.RUNNING)
    return living, life


class TestHandover:
    def test_it_finishes_commits_stays_and_says_who_comes_next(self) -> None:
        async def scenario() -> None:
            living, life = await running()
            living.presence.should_leave = True
            living.worker.on_order(HANDOVER)
            await life
            assert living.worker._stopping == Stop(StopReason.HANDOVER, 7.0)
            assert living.presence.asked == [StopReason.HANDOVER]
            assert living.app.calls[-4:] == [
                ("stopping", StopReason.HANDOVER),
                "stop",
                ("stopped", StopReason.HANDOVER, False),
                ("demoted", "w-0"),
            ]
            assert Left() not in living.link.said

        run(scenario)

    def test_supervisor_hears_of_it_before_anything_else_happens(self) -> None:
        async def scenario() -> None:
            living, life = await running()
            living.worker.on_order(HANDOVER)
            await life
            assert living.link.said == [Moved(WorkerState.RUNNING), Yielded(), Moved(WorkerState.STOPPING)]

        run(scenario)

    @pytest.mark.parametrize("order", [HANDOVER, DRILL])
    @pytest.mark.parametrize("reason", [StopReason.RESTART, StopReason.INTERRUPT])
    def test_worker_that_ends_already_does_not_yield(self, reason: StopReason, order: Order) -> None:
        """Else the successor of a roll would wait as a shadow for one that was never told to sit down."""

        async def scenario() -> None:
            living, life = await running()
            living.worker.stop(Stop(reason, 5.0))
            living.worker.on_order(order)
            await life
            assert living.presence.asked == [reason]
            assert Yielded() not in living.link.said
            assert living.worker.ends == []

        run(scenario)

    @pytest.mark.parametrize("second", [StopReason.RESTART, StopReason.INTERRUPT])
    def test_what_comes_after_it_changes_nothing(self, second: StopReason) -> None:
        """The shadow sits down in any case: a seat that was left meanwhile would be gone under it."""

        async def scenario() -> None:
            living, life = await running()
            living.app.stops_by.clear()
            living.worker.on_order(HANDOVER)
            await living.called("stop")
            living.worker.stop(Stop(second, 5.0))
            living.app.stops_by.set()
            await life
            assert living.presence.asked == [StopReason.HANDOVER]

        run(scenario)

    @pytest.mark.parametrize("reason", sorted(set(StopReason) - {StopReason.HANDOVER}))
    def test_nobody_is_demoted_by_another_end(self, reason: StopReason) -> None:
        async def scenario() -> None:
            living, life = await running()
            living.worker.stop(Stop(reason, 5.0))
            await life
            assert ("demoted", "w-0") not in living.app.calls

        run(scenario)


class TestDrill:
    @staticmethod
    async def _ended(living: Living) -> None:
        async with asyncio.timeout(5.0):
            while not living.worker.ends:
                await asyncio.sleep(0.001)

    @pytest.fixture(autouse=True)
    def drill(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The end of the process must not be an error of the thread that ends it."""
        drill = module.WorkerProcess._drill

        def recorded(worker: module.WorkerProcess) -> None:
            with pytest.raises(EndedError):
                drill(worker)

        monkeypatch.setattr(module.WorkerProcess, "_drill", recorded)

    def test_it_dies_and_only_counts_what_will_be_done_again(self) -> None:
        async def scenario() -> None:
            living, life = await running()
            app: Any = living.app
            app.in_flight = lambda: ["orders[0]@7", "orders[0]@8"]
            app.uncommitted = lambda: 5
            living.worker.on_order(DRILL)
            await self._ended(living)
            assert living.worker.ends == [(ExitCode.OK, None)]
            assert living.app.calls[-1] == ("drilled", 7)
            assert "stop" not in living.app.calls
            assert living.link.said[-1] == Yielded()
            life.cancel()

        run(scenario)

    def test_nothing_leaves_from_before_it_counts(self) -> None:
        async def scenario() -> None:
            living, life = await running()
            app: Any = living.app
            held: list[bool] = []
            app.in_flight = lambda: held.append(living.app.lease.is_held()) or []
            app.uncommitted = lambda: 0
            living.worker.on_order(DRILL)
            await self._ended(living)
            assert held == [False]
            life.cancel()

        run(scenario)


def test_who_has_come_into_its_seat_says_how_long_that_took(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        living = Living()
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: 101.23456))
        worker: Any = living.worker
        worker._promotion = SimpleNamespace(decided_at=100.0)
        life = living.live()
        await living.reached(WorkerState.RUNNING)
        living.worker.stop(Stop(StopReason.INTERRUPT, 5.0))
        await life
        assert ("running", 1.235) in living.app.calls

    run(scenario)


def test_each_lapse_of_the_lease_is_warned_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT_INTERVAL", 0.0)

    async def scenario() -> None:
        living = Living()
        app: Any = living.app
        app.heartbeat_age = lambda: None
        with structlog.testing.capture_logs() as logs:
            beating = asyncio.ensure_future(living.worker._beat(app))
            for lapses in (0, 1, 1, 2):
                app.lease.lapses = lapses
                told = len(living.link.said)
                while len(living.link.said) < told + 2:
                    await asyncio.sleep(0)
            beating.cancel()
        assert [line["lapses"] for line in logs if line["event"] == "worker.lease_lapsed"] == [1, 2]
        assert set(living.link.said) == {Beat(0)}

    run(scenario)
