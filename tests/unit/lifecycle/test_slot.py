"""One slot through the processes of its worker; the processes are fakes, so that only the decisions are seen."""

import asyncio

import pytest

import framework.lifecycle.slot as module
from framework.backoff import Backoff
from framework.exit_codes import ExitCode
from framework.lifecycle.link import Beat, Failed, Go, Moved, Reached, Report, Stop
from framework.lifecycle.restart_policy import RestartPolicy
from framework.states import StopReason, WorkerState
from tests.unit.lifecycle.fake_handle import Processes
from tests.unit.lifecycle.kept_slot import POLICY, Kept, run, until

SOON = RestartPolicy(Backoff(initial=0.1, maximum=0.1), limit=2, reset_after=60.0)
SLOW = RestartPolicy(Backoff(initial=60.0, maximum=60.0), limit=2, reset_after=60.0)


def test_worker_is_started_and_told_to_go(processes: Processes) -> None:
    async def scenario() -> None:
        kept = Kept()
        await kept.running(processes)
        assert processes[0].spec == kept.slot.spec
        assert processes[0].told == [Go()]
        assert kept.slot.state is WorkerState.RUNNING
        assert kept.slot.pid == 4711
        kept.slot.stop(5.0)
        processes[0].exit(0)
        assert await kept.keeping is ExitCode.OK
        assert kept.slot.pid is None

    run(scenario)


@pytest.mark.parametrize("code", [1, -9, -11, ExitCode.FORCED, 17])
def test_crashed_worker_is_started_again(code: int, processes: Processes) -> None:
    async def scenario() -> None:
        kept = Kept()
        await kept.running(processes)
        processes[0].exit(code)
        await until(lambda: len(processes) == 2 and processes[1].told == [Go()])
        kept.slot.stop(5.0)
        processes[1].exit(0)
        assert await kept.keeping is ExitCode.OK

    run(scenario)


def test_too_many_crashes_end_it_with_a_sentence(processes: Processes) -> None:
    async def scenario() -> None:
        kept = Kept()
        for number in range(POLICY.limit + 1):
            await until(lambda number=number: len(processes) > number and processes[number].is_alive)
            processes[number].exit(1)
        assert await kept.keeping is ExitCode.CRASH_LOOP
        assert [failed.code for failed in kept.failures] == [ExitCode.CRASH_LOOP]
        assert "ended 3 times in a row, the last time with CRASHED (1)" in kept.failures[0].message

    run(scenario)


@pytest.mark.parametrize(
    "code", [ExitCode.SEAT_TAKEN, ExitCode.SUPERSEDED, ExitCode.SETTINGS, ExitCode.APP_IMPORT_FAILED]
)
def test_final_code_ends_it(code: ExitCode, processes: Processes) -> None:
    async def scenario() -> None:
        kept = Kept()
        await until(lambda: processes and processes[0].is_alive)
        processes[0].report(Failed(code, "why"))
        processes[0].exit(code)
        assert await kept.keeping is code
        assert kept.failures == [Failed(code, "why")]
        assert len(processes) == 1

    run(scenario)


@pytest.mark.parametrize(("report", "starts"), [(Moved(WorkerState.CONNECTING), 1), (Reached(), 2)])
def test_broker_that_was_known_is_waited_for(report: Report, starts: int, processes: Processes) -> None:
    async def scenario() -> None:
        kept = Kept()
        await until(lambda: processes and processes[0].is_alive)
        processes[0].report(report)
        processes[0].exit(ExitCode.BROKER_UNAVAILABLE)
        await until(lambda: kept.keeping.done() or len(processes) == 2)
        assert len(processes) == starts
        kept.keeping.cancel()

    run(scenario)


class TestStop:
    def test_first_stop_is_graceful_and_the_second_is_not(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept()
            await kept.running(processes)
            kept.slot.stop(5.0)
            kept.slot.stop(5.0)
            graceful, now = (Stop(StopReason.INTERRUPT, 5.0, now=now) for now in (False, True))
            assert processes[0].told == [Go(), graceful, now]
            processes[0].exit(0)
            assert await kept.keeping is ExitCode.FORCED

        run(scenario)

    def test_worker_that_does_not_obey_is_killed(self, processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "KILL_AFTER", 0.01)

        async def scenario() -> None:
            kept = Kept()
            await kept.running(processes)
            kept.slot.stop(0.01)
            assert await kept.keeping is ExitCode.FORCED
            assert processes[0].was_killed

        run(scenario)

    @pytest.mark.parametrize(
        ("code", "ends_with"),
        [(0, ExitCode.OK), (84, ExitCode.FORCED), (-9, ExitCode.FORCED), (80, ExitCode.FENCED), (17, ExitCode.CRASHED)],
    )
    def test_code_after_a_stop(self, code: int, ends_with: ExitCode, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept()
            await kept.running(processes)
            kept.slot.stop(5.0)
            processes[0].exit(code)
            assert await kept.keeping is ends_with

        run(scenario)

    def test_pause_before_a_restart_ends_at_once(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(SLOW)
            await kept.running(processes)
            processes[0].exit(1)
            await until(lambda: kept.slot._crashes == 1)
            kept.slot.stop(5.0)
            assert await kept.keeping is ExitCode.OK
            assert len(processes) == 1

        run(scenario)

    def test_it_ends_well_although_the_first_process_is_still_being_forked(self, processes: Processes) -> None:
        async def scenario() -> None:
            forked = asyncio.Event()
            processes.starting = forked.wait()
            kept = Kept()
            await until(lambda: processes)
            kept.slot.stop(5.0)
            forked.set()
            await until(lambda: processes[0].told)
            assert processes[0].told == [Stop(StopReason.INTERRUPT, 0.0)]
            processes[0].exit(0)
            assert await kept.keeping is ExitCode.OK
            assert not processes[0].was_killed

        run(scenario)


class TestReplace:
    def test_successor_loads_before_the_old_one_is_asked_to_stop(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept()
            await kept.running(processes)
            replacing = asyncio.ensure_future(kept.slot.replace(5.0))
            await until(lambda: len(processes) == 2 and processes[1].is_alive)
            assert processes[0].told == [Go()]
            processes[1].report(Moved(WorkerState.LOADED))
            await until(lambda: len(processes[0].told) == 2)
            assert processes[0].told[1] == Stop(StopReason.RESTART, 5.0)
            assert processes[1].told == []
            processes[0].exit(0)
            await until(lambda: processes[1].told == [Go(is_handover=True)])
            assert not replacing.done()
            processes[1].report(Moved(WorkerState.RUNNING))
            assert await replacing is True
            kept.slot.stop(5.0)
            processes[1].exit(0)
            assert await kept.keeping is ExitCode.OK

        run(scenario)

    def test_app_that_no_longer_loads_costs_nothing(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept()
            await kept.running(processes)
            replacing = asyncio.ensure_future(kept.slot.replace(5.0))
            await until(lambda: len(processes) == 2 and processes[1].is_alive)
            processes[1].report(Failed(ExitCode.APP_IMPORT_FAILED, "broken"))
            processes[1].exit(ExitCode.APP_IMPORT_FAILED)
            assert await replacing is False
            assert processes[0].told == [Go()]
            assert kept.slot.state is WorkerState.RUNNING
            assert [failed.message for failed in kept.failures] == ["broken"]
            kept.keeping.cancel()

        run(scenario)

    def test_successor_that_crashes_on_its_start_is_started_again(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept()
            await kept.running(processes)
            replacing = await kept.rolling(processes)
            processes[0].exit(0)
            await until(lambda: processes[1].told)
            processes[1].exit(1)
            assert await replacing is False
            await until(lambda: len(processes) == 3 and processes[2].told == [Go()])
            kept.keeping.cancel()

        run(scenario)

    def test_stop_in_the_middle_ends_both(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept()
            await kept.running(processes)
            replacing = await kept.rolling(processes)
            kept.slot.stop(5.0)
            assert await replacing is False
            assert processes[1].told == [Stop(StopReason.INTERRUPT, 5.0)]
            processes[0].exit(0)
            assert await kept.keeping is ExitCode.OK

        run(scenario)

    def test_it_waits_until_the_current_one_runs(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept()
            await until(lambda: processes and processes[0].told)
            replacing = asyncio.ensure_future(kept.slot.replace(5.0))
            processes[0].report(Moved(WorkerState.STARTING))
            await asyncio.sleep(0)
            assert len(processes) == 1
            processes[0].report(Moved(WorkerState.RUNNING))
            await until(lambda: len(processes) == 2)
            replacing.cancel()
            kept.keeping.cancel()

        run(scenario)

    def test_successor_takes_the_place_of_one_that_crashed_meanwhile(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(SOON)
            await kept.running(processes)
            replacing = asyncio.ensure_future(kept.slot.replace(5.0))
            await until(lambda: len(processes) == 2 and processes[1].is_alive)
            processes[0].exit(1)
            processes[1].report(Moved(WorkerState.LOADED))
            await until(lambda: processes[1].told == [Go()])
            processes[1].report(Moved(WorkerState.RUNNING))
            assert await replacing is True
            assert len(processes) == 2
            kept.keeping.cancel()

        run(scenario)

    def test_successor_that_died_before_its_turn_is_not_counted_on(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept()
            await kept.running(processes)
            replacing = asyncio.ensure_future(kept.slot.replace(5.0))
            await until(lambda: len(processes) == 2 and processes[1].is_alive)
            processes[1].report(Moved(WorkerState.LOADED))
            processes[1].exit(-9)
            assert await replacing is False
            assert processes[0].told == [Go()]
            kept.keeping.cancel()

        run(scenario)

    def test_it_gives_up_when_the_slot_does(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept()
            replacing = asyncio.ensure_future(kept.slot.replace(5.0))
            await until(lambda: processes and processes[0].is_alive)
            processes[0].exit(ExitCode.SEAT_TAKEN)
            assert await kept.keeping is ExitCode.SEAT_TAKEN
            assert await replacing is False

        run(scenario)


def test_outage_of_the_broker_is_no_row_of_crashes(processes: Processes) -> None:
    async def scenario() -> None:
        kept = Kept()
        for number in range(5):
            await until(lambda number=number: len(processes) > number and processes[number].is_alive)
            processes[number].report(Reached())
            processes[number].exit(ExitCode.BROKER_UNAVAILABLE)
        await until(lambda: len(processes) == 6 and processes[5].is_alive)
        processes[5].exit(ExitCode.CRASHED)
        await until(lambda: kept.keeping.done() or len(processes) == 7)
        assert not kept.keeping.done()
        kept.keeping.cancel()

    run(scenario)


def test_beats_change_nothing(processes: Processes) -> None:
    async def scenario() -> None:
        kept = Kept()
        await kept.running(processes)
        processes[0].report(Beat(12))
        assert kept.slot.state is WorkerState.RUNNING
        assert kept.failures == []
        kept.keeping.cancel()

    run(scenario)
