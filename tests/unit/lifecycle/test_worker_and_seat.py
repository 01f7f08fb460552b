"""What a worker tells while it waits for its seat and sits in it, and how it gives it up; app and roster are fakes."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from framework.errors import FencedError, GroupFailedError
from framework.exit_codes import ExitCode
from framework.lifecycle.link import Admitted, Left, Moved, Stop, Waiting
from framework.lifecycle.status import Fence
from framework.membership.group import Joined
from framework.states import IllegalTransitionError, StopReason, WorkerState
from tests.unit.lifecycle.fake_worker import EndedError, FakeLink, Living, Recorded

FENCE = Fence("held", 1, 120, "host there, process 77", "w-0@there#4000-0b")
JOINED = Joined("m-0", 7, {"orders": (0, 2)}, "first join", 0.31, 1_700_000_000_500)

Scenario = Callable[[], Awaitable[None]]


def run(scenario: Scenario) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 10.0))


class TestWaiting:
    def test_first_look_that_finds_somebody_is_a_move(self) -> None:
        link = FakeLink()
        worker = Recorded(link).at(WorkerState.CONNECTING)
        worker.on_waiting(FENCE)
        assert worker.state is WorkerState.WAITING
        assert link.said == [Moved(WorkerState.WAITING), Waiting(FENCE)]

    def test_each_further_look_is_told_alone(self) -> None:
        link = FakeLink()
        worker = Recorded(link).at(WorkerState.WAITING)
        worker.on_waiting(FENCE)
        assert link.said == [Waiting(FENCE)]

    def test_worker_that_has_sat_down_waits_for_nobody(self) -> None:
        with pytest.raises(IllegalTransitionError):
            Recorded().at(WorkerState.RUNNING).on_waiting(FENCE)

    @pytest.mark.parametrize("reason", StopReason)
    def test_stop_ends_it_at_once(self, reason: StopReason) -> None:
        async def scenario() -> None:
            worker = Recorded().at(WorkerState.WAITING, asyncio.get_running_loop())
            with pytest.raises(EndedError):
                worker.stop(Stop(reason, 5.0))
            assert worker.codes() == [ExitCode.OK]

        run(scenario)


class TestMembership:
    def test_supervisor_and_roster_hear_of_the_member_id(self) -> None:
        async def scenario() -> None:
            living = Living()
            living.worker.on_member_id("m-0")
            assert living.link.said == [Admitted("m-0")]
            assert living.app.calls == [("member id", "m-0")]

        run(scenario)

    def test_and_of_the_assignment(self) -> None:
        async def scenario() -> None:
            living = Living()
            living.worker.on_joined(JOINED)
            assert living.link.said == [JOINED]
            assert living.app.calls == [("joined", "m-0")]

        run(scenario)

    def test_supervisor_hears_of_it_where_there_is_no_roster(self) -> None:
        link = FakeLink()
        worker = Recorded(link)
        worker.on_member_id("m-0")
        worker.on_joined(JOINED)
        assert link.said == [Admitted("m-0"), JOINED]


class TestLife:
    def test_app_starts_before_it_runs_and_stops_before_it_has_stopped(self) -> None:
        async def scenario() -> None:
            living = Living()
            life = living.live()
            await living.reached(WorkerState.RUNNING)
            assert living.app.in_worker
            living.worker.stop(Stop(StopReason.INTERRUPT, 5.0))
            await life
            assert living.app.calls == [
                "init",
                "start",
                "running",
                ("stopping", StopReason.INTERRUPT),
                "stop",
                ("stopped", StopReason.INTERRUPT, False),
            ]
            assert living.link.said == [Moved(WorkerState.RUNNING), Moved(WorkerState.STOPPING)]

        run(scenario)

    @pytest.mark.parametrize("reason", StopReason)
    def test_reason_decides_about_the_seat(self, reason: StopReason) -> None:
        async def scenario() -> None:
            living = Living()
            life = living.live()
            await living.reached(WorkerState.RUNNING)
            living.worker.stop(Stop(reason, 5.0))
            await life
            assert living.presence.asked == [reason]
            assert ("stopped", reason, False) in living.app.calls[-2:]

        run(scenario)

    def test_first_reason_is_the_one_that_counts(self) -> None:
        async def scenario() -> None:
            living = Living()
            life = living.live()
            await living.reached(WorkerState.RUNNING)
            living.worker.stop(Stop(StopReason.LEAVE, 5.0))
            living.worker.stop(Stop(StopReason.INTERRUPT, 5.0))
            await life
            assert living.presence.asked == [StopReason.LEAVE]

        run(scenario)

    def test_app_that_ends_by_itself_is_asked_about_like_one_that_is_interrupted(self) -> None:
        async def scenario() -> None:
            living = Living()
            life = living.live()
            await living.reached(WorkerState.RUNNING)
            living.app.end_by_itself()
            await life
            assert living.presence.asked == [StopReason.INTERRUPT]

        run(scenario)

    def test_stop_during_the_start_does_not_wait_for_it(self) -> None:
        async def scenario() -> None:
            living = Living()
            living.app.starts_by.clear()
            life = living.live()
            await asyncio.sleep(0)
            living.worker.stop(Stop(StopReason.INTERRUPT, 5.0))
            await life
            assert living.app.calls == [
                "init",
                ("stopping", StopReason.INTERRUPT),
                "stop",
                ("stopped", StopReason.INTERRUPT, False),
            ]
            assert Moved(WorkerState.RUNNING) not in living.link.said

        run(scenario)


class TestLeaving:
    def test_supervisor_and_roster_hear_when_the_broker_has_let_the_seat_go(self) -> None:
        async def scenario() -> None:
            living = Living()
            living.presence.should_leave = True
            life = living.live()
            await living.reached(WorkerState.RUNNING)
            living.worker.stop(Stop(StopReason.LEAVE, 5.0))
            await life
            assert living.app.calls[-4:] == [
                "leave",
                ("stopping", StopReason.LEAVE),
                "stop",
                ("stopped", StopReason.LEAVE, True),
            ]
            assert living.link.said[-1] == Left()

        run(scenario)

    def test_nobody_hears_so_when_it_has_not(self) -> None:
        async def scenario() -> None:
            living = Living()
            living.presence.should_leave = True
            living.app.can_leave = False
            life = living.live()
            await living.reached(WorkerState.RUNNING)
            living.worker.stop(Stop(StopReason.LEAVE, 5.0))
            await life
            assert living.app.calls[-2:] == ["stop", ("stopped", StopReason.LEAVE, False)]
            assert Left() not in living.link.said

        run(scenario)

    def test_operator_who_scales_down_is_a_reason_of_its_own(self) -> None:
        async def scenario() -> None:
            living = Living()
            living.presence.should_leave = True
            life = living.live()
            await living.reached(WorkerState.RUNNING)
            living.worker.on_surplus()
            await life
            assert living.presence.asked == [StopReason.SCALED_DOWN]
            assert living.worker._stopping == Stop(StopReason.SCALED_DOWN, 7.0)
            assert living.link.said[-1] == Left()

        run(scenario)

    def test_operator_who_scales_down_does_not_hurry_a_stop(self) -> None:
        async def scenario() -> None:
            living = Living()
            life = living.live()
            await living.reached(WorkerState.RUNNING)
            living.worker.stop(Stop(StopReason.INTERRUPT, 5.0))
            living.worker.on_surplus()
            await life
            assert living.presence.asked == [StopReason.INTERRUPT]
            assert living.worker.ends == []

        run(scenario)


class TestRestartThatBecomesAnEnd:
    """A worker that is being replaced keeps its seat for its successor; without one, it would keep it for nobody."""

    @staticmethod
    async def _rolled(should_leave: bool) -> "tuple[Living, asyncio.Task[None]]":
        living = Living()
        living.presence.should_leave = should_leave
        living.app.stops_by.clear()
        life = living.live()
        await living.reached(WorkerState.RUNNING)
        living.worker.stop(Stop(StopReason.RESTART, 5.0))
        await living.called("stop")
        return living, life

    @pytest.mark.parametrize("reason", sorted(set(StopReason) - {StopReason.RESTART, StopReason.HANDOVER}))
    def test_reason_of_the_end_decides(self, reason: StopReason) -> None:
        async def scenario() -> None:
            living, life = await self._rolled(should_leave=True)
            living.worker.stop(Stop(reason, 5.0))
            await living.called("leave")
            living.app.stops_by.set()
            await life
            assert living.presence.asked == [StopReason.RESTART, reason]
            assert living.app.calls[-4:] == ["stop", "leave", ("stopping", reason), ("stopped", reason, True)]
            assert living.link.said[-1] == Left()

        run(scenario)

    def test_one_that_stays_says_that_it_has_gone(self) -> None:
        async def scenario() -> None:
            living, life = await self._rolled(should_leave=False)
            living.worker.stop(Stop(StopReason.INTERRUPT, 5.0))
            await living.called(("stopping", StopReason.INTERRUPT))
            living.app.stops_by.set()
            await life
            assert living.app.calls[-1] == ("stopped", StopReason.INTERRUPT, False)
            assert Left() not in living.link.said

        run(scenario)

    def test_it_may_come_while_the_first_decision_is_made(self) -> None:
        async def scenario() -> None:
            living = Living()
            living.presence.should_leave = True
            life = living.live()
            await living.reached(WorkerState.RUNNING)
            living.worker.stop(Stop(StopReason.RESTART, 5.0))
            living.presence.while_deciding = lambda: living.worker.stop(Stop(StopReason.LEAVE, 5.0))
            await life
            assert living.presence.asked == [StopReason.RESTART, StopReason.LEAVE]
            assert living.app.calls[-1] == ("stopped", StopReason.LEAVE, True)

        run(scenario)

    def test_end_that_nobody_gave_a_reason_for_may_still_get_one(self) -> None:
        async def scenario() -> None:
            living = Living()
            living.presence.should_leave = True
            living.app.stops_by.clear()
            life = living.live()
            await living.reached(WorkerState.RUNNING)
            living.app.end_by_itself()
            await living.called("stop")
            living.worker.stop(Stop(StopReason.LEAVE, 5.0))
            await living.called(("stopping", StopReason.LEAVE))
            living.app.stops_by.set()
            await life
            assert living.app.calls[-1] == ("stopped", StopReason.LEAVE, True)

        run(scenario)

    @pytest.mark.parametrize("reason", [StopReason.RESTART, StopReason.INTERRUPT])
    def test_what_is_no_restart_stays_what_it_is(self, reason: StopReason) -> None:
        async def scenario() -> None:
            living = Living()
            life = living.live()
            await living.reached(WorkerState.RUNNING)
            living.worker.stop(Stop(StopReason.SUPERVISOR_GONE, 5.0))
            living.worker.stop(Stop(reason, 5.0))
            await life
            assert living.presence.asked == [StopReason.SUPERVISOR_GONE]

        run(scenario)


class TestFenceDuringTheStop:
    def test_it_is_no_good_end(self) -> None:
        async def scenario() -> None:
            living = Living()
            living.presence.should_leave = True
            living.app.can_leave = False
            life = living.live()
            await living.reached(WorkerState.RUNNING)
            living.app.member.failure = FencedError("Another process holds the seat.")
            living.worker.stop(Stop(StopReason.RESTART, 5.0))
            with pytest.raises(EndedError):
                await life
            assert living.worker.ends == [(ExitCode.FENCED, "Another process holds the seat.")]
            assert living.app.calls[-1] == "stop", "it does not say that it has gone: the entry is another one's by now"
            assert Left() not in living.link.said

        run(scenario)

    def test_other_failures_have_been_told_already(self) -> None:
        async def scenario() -> None:
            living = Living()
            life = living.live()
            await living.reached(WorkerState.RUNNING)
            living.app.member.failure = GroupFailedError("The group is broken.")
            living.worker.stop(Stop(StopReason.INTERRUPT, 5.0))
            await life
            assert living.worker.ends == []

        run(scenario)


class TestCrash:
    def test_crash_while_it_runs_says_nothing_of_the_seat(self) -> None:
        async def scenario() -> None:
            living = Living()
            life = living.live()
            await living.reached(WorkerState.RUNNING)
            living.app.crash(GroupFailedError("The group is broken."))
            with pytest.raises(GroupFailedError):
                await life
            assert living.app.calls == ["init", "start", "running"]
            assert living.presence.asked == []

        run(scenario)

    @pytest.mark.parametrize("should_leave", [False, True])
    def test_crash_in_the_stop_is_no_good_end(self, should_leave: bool) -> None:
        async def scenario() -> None:
            living = Living()
            living.presence.should_leave = should_leave
            living.app.crashes_at_the_stop = GroupFailedError("The last commit was refused.")
            life = living.live()
            await living.reached(WorkerState.RUNNING)
            living.worker.stop(Stop(StopReason.INTERRUPT, 5.0))
            with pytest.raises(GroupFailedError):
                await life
            assert Left() not in living.link.said
            assert living.app.calls[-1] == "stop"
            assert ("leave" in living.app.calls) is should_leave

        run(scenario)

    def test_seat_that_was_given_up_is_told_of_though_something_was_lost(self) -> None:
        async def scenario() -> None:
            living = Living()
            living.presence.should_leave = True

            async def stop() -> None:
                living.app.crash_reason, living.app.has_left = RuntimeError("not sent"), True

            living.app.stop = stop  # type: ignore[method-assign]
            life = living.live()
            await living.reached(WorkerState.RUNNING)
            living.worker.stop(Stop(StopReason.LEAVE, 5.0))
            with pytest.raises(RuntimeError, match="not sent"):
                await life
            assert Left() in living.link.said
            assert living.app.calls[-1] == ("stopped", StopReason.LEAVE, True)

        run(scenario)

    def test_app_that_cannot_start_does_not_run(self) -> None:
        async def scenario() -> None:
            living = Living()
            failing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            failing.set_exception(RuntimeError("no table"))
            living.app.start = lambda: failing  # type: ignore[method-assign, assignment, return-value]
            with pytest.raises(RuntimeError, match="no table"):
                await living.live()
            assert living.worker.state is WorkerState.STARTING

        run(scenario)
