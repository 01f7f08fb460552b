"""One slot whose worker is denied its seat, waits for it, or gives it up: what the next process and the person hear."""

import asyncio
from dataclasses import replace

import pytest

from framework.backoff import Backoff
from framework.exit_codes import ExitCode
from framework.identity import Incarnation
from framework.lifecycle.link import Admitted, Bound, Failed, Go, Left, Moved, Stop, Surplus, Waiting
from framework.lifecycle.status import Fence
from framework.states import StopReason, WorkerState
from tests.unit.lifecycle.fake_handle import FakeHandle, Processes
from tests.unit.lifecycle.kept_slot import POLICY, Kept, run, until

SOON = Backoff(initial=0.001, maximum=0.002)
PATIENT = replace(POLICY, fenced_backoff=SOON, fenced_limit=3)
OTHER = Fence("held", 1, 3, "host there, process 77", "w-0@there#4000-0b")
TOLD = Failed(ExitCode.FENCED, "Another process holds the seat.")


def incarnation(number: int) -> Incarnation:
    return Incarnation("here", 100 + number, 1_000 * number, f"{number:08x}")


def client_id(number: int) -> str:
    return f"w-0@here#{number}"


def bind(process: FakeHandle, number: int) -> None:
    process.report(Bound("shop", "w-0", client_id(number), "test", incarnation(number)))


FENCED = Go(lineage=frozenset({client_id(0)}), members=frozenset({"m-0"}), fenced=incarnation(0), attempts=1)
"""What the next process is told after the first one was in its seat and has lost it."""


def fence(process: FakeHandle) -> None:
    """Let a process be told by the broker that another one has its seat."""
    process.report(TOLD)
    process.exit(ExitCode.FENCED)


class TestNextProcess:
    def test_it_knows_the_one_before_by_both_names(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            bind(await kept.running(processes), 0)
            processes[0].report(Admitted("m-0"))
            processes[0].exit(1)
            following = await kept.sent_off(processes, 1)
            assert following.told == [Go(lineage=frozenset({client_id(0)}), members=frozenset({"m-0"}))]
            kept.keeping.cancel()

        run(scenario)

    def test_it_goes_on_with_the_looks_of_one_that_waited(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            bind(await kept.sent_off(processes), 0)
            processes[0].report(Waiting(replace(OTHER, attempt=2)))
            processes[0].exit(-9)
            following = await kept.sent_off(processes, 1)
            assert following.told == [Go(lineage=frozenset({client_id(0)}), attempts=2)]
            kept.keeping.cancel()

        run(scenario)

    def test_it_knows_who_was_fenced(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            bind(await kept.running(processes), 0)
            processes[0].report(Admitted("m-0"))
            fence(processes[0])
            following = await kept.sent_off(processes, 1)
            assert following.told == [FENCED]
            assert kept.failures == []
            assert kept.slot.status().restarts == 1
            kept.keeping.cancel()

        run(scenario)

    def test_successor_of_one_that_was_fenced_in_the_middle_of_a_roll_is_no_handover(
        self, processes: Processes
    ) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            bind(await kept.running(processes), 0)
            processes[0].report(Admitted("m-0"))
            replacing = await kept.rolling(processes)
            fence(processes[0])
            following = await kept.sent_off(processes, 1)
            assert following.told == [FENCED]
            replacing.cancel()
            kept.keeping.cancel()

        run(scenario)


class TestPerson:
    def test_fence_is_told_when_there_is_no_further_look(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            for number in range(PATIENT.fenced_limit):
                bind(await kept.sent_off(processes, number), number)
                assert kept.failures == []
                fence(processes[number])
            assert await kept.keeping is ExitCode.FENCED
            assert kept.failures == [TOLD]
            assert len(processes) == PATIENT.fenced_limit

        run(scenario)

    def test_fence_during_a_stop_is_told(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            bind(await kept.running(processes), 0)
            kept.slot.stop(5.0)
            fence(processes[0])
            assert await kept.keeping is ExitCode.FENCED
            assert kept.failures == [TOLD]

        run(scenario)

    def test_refusal_is_told_at_once_and_once(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            refused = Failed(ExitCode.SEAT_TAKEN, "Another process holds the seat.")
            (await kept.sent_off(processes)).report(refused)
            assert kept.failures == [refused]
            processes[0].exit(ExitCode.SEAT_TAKEN)
            assert await kept.keeping is ExitCode.SEAT_TAKEN
            assert kept.failures == [refused]

        run(scenario)


class TestStatus:
    def test_before_the_first_process(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            status = kept.slot.status()
            assert (status.slot, status.state, status.pid, status.restarts) == (0, None, None, 0)
            assert not status.has_ended
            assert not status.has_left
            kept.keeping.cancel()

        run(scenario)

    def test_worker_that_waits_says_for_whom(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            waiting = await kept.sent_off(processes)
            bind(waiting, 0)
            changes = kept.changes
            waiting.report(Moved(WorkerState.WAITING))
            waiting.report(Waiting(OTHER))
            assert kept.changes == changes + 2
            status = kept.slot.status()
            assert (status.state, status.pid, status.fence) == (WorkerState.WAITING, 4711, OTHER)
            assert (status.group_id, status.group_instance_id, status.client_id) == ("shop", "w-0", client_id(0))
            kept.keeping.cancel()

        run(scenario)

    @pytest.mark.parametrize("state", [WorkerState.STARTING, WorkerState.RUNNING, WorkerState.STOPPING])
    def test_wait_is_over_once_it_joins(self, state: WorkerState, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            bind(await kept.sent_off(processes), 0)
            processes[0].report(Waiting(OTHER))
            for reached in (WorkerState.STARTING, WorkerState.RUNNING, WorkerState.STOPPING):
                processes[0].report(Moved(reached))
                if reached is state:
                    break
            assert kept.slot.status().fence is None
            kept.keeping.cancel()

        run(scenario)

    def test_fence_is_shown_until_the_next_process_has_joined(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            bind(await kept.running(processes), 0)
            fence(processes[0])
            following = await kept.sent_off(processes, 1)
            assert kept.slot.status().fence == Fence("", 1, 3)
            assert kept.slot.status().was_running
            following.report(Moved(WorkerState.STARTING))
            assert kept.slot.status().fence is None
            kept.keeping.cancel()

        run(scenario)

    def test_ended_one_has_no_process(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            await kept.running(processes)
            kept.slot.stop(5.0)
            processes[0].exit(0)
            await kept.keeping
            status = kept.slot.status()
            assert (status.state, status.pid, status.has_ended) == (None, None, True)
            assert status.was_running
            assert not status.has_left

        run(scenario)


class TestLeaving:
    @pytest.mark.parametrize("has_left", [True, False])
    def test_worker_that_was_scaled_away_is_not_started_again(self, has_left: bool, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            (await kept.running(processes)).report(Surplus())
            if has_left:
                processes[0].report(Left())
            processes[0].exit(0)
            assert await kept.keeping is ExitCode.OK
            assert kept.slot.status().has_left
            assert len(processes) == 1
            assert kept.failures == []

        run(scenario)

    def test_worker_that_left_because_its_process_alone_was_stopped_is_started_again(
        self, processes: Processes
    ) -> None:
        """The leave policy was `always`."""

        async def scenario() -> None:
            kept = Kept(PATIENT)
            (await kept.running(processes)).report(Left())
            processes[0].exit(0)
            await until(lambda: len(processes) == 2)
            kept.keeping.cancel()

        run(scenario)

    def test_successor_of_a_worker_that_leaves_in_the_middle_of_a_roll_ends(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            await kept.running(processes)
            replacing = await kept.rolling(processes)
            processes[0].report(Surplus())
            processes[0].exit(0)
            assert await kept.keeping is ExitCode.OK
            assert await replacing is False
            assert processes[1].was_killed
            assert processes[1].told == []

        run(scenario)

    def test_and_so_does_one_that_has_just_loaded(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            await kept.running(processes)
            replacing = asyncio.ensure_future(kept.slot.replace(5.0))
            await until(lambda: len(processes) == 2 and processes[1].is_alive)
            processes[0].report(Surplus())
            processes[0].exit(0)
            await until(lambda: kept.keeping.done())
            processes[1].report(Moved(WorkerState.LOADED))
            assert await replacing is False
            assert processes[1].was_killed

        run(scenario)

    def test_leave_is_an_order_of_the_slot_and_is_confirmed(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            await kept.running(processes)
            kept.slot.stop(5.0, StopReason.LEAVE)
            assert processes[0].told == [Go(), Stop(StopReason.LEAVE, 5.0)]
            processes[0].report(Left())
            processes[0].exit(0)
            assert await kept.keeping is ExitCode.OK
            assert kept.slot.status().has_left

        run(scenario)

    def test_interrupt_after_it_hurries_but_does_not_change_the_reason(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            await kept.running(processes)
            kept.slot.stop(5.0, StopReason.LEAVE)
            kept.slot.stop(5.0, StopReason.INTERRUPT)
            assert processes[0].told[1:] == [Stop(StopReason.LEAVE, 5.0), Stop(StopReason.LEAVE, 5.0, now=True)]
            kept.keeping.cancel()

        run(scenario)

    @pytest.mark.parametrize(
        ("state", "has_left"),
        [(WorkerState.LOADING, False), (WorkerState.CONNECTING, False), (WorkerState.WAITING, True)],
    )
    def test_one_that_waits_holds_nothing_and_one_that_has_not_looked_may(
        self, state: WorkerState, has_left: bool, processes: Processes
    ) -> None:
        """The seat of the process before it may still be there."""

        async def scenario() -> None:
            kept = Kept(PATIENT)
            (await kept.sent_off(processes)).report(Moved(state))
            assert not kept.slot.status().has_left
            kept.slot.stop(5.0, StopReason.LEAVE)
            processes[0].exit(0)
            assert await kept.keeping is ExitCode.OK
            assert kept.slot.status().has_left is has_left

        run(scenario)

    def test_fenced_worker_that_waits_holds_nothing_either(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            bind(await kept.running(processes), 0)
            fence(processes[0])
            (await kept.sent_off(processes, 1)).report(Moved(WorkerState.WAITING))
            kept.slot.stop(5.0, StopReason.LEAVE)
            processes[1].exit(0)
            assert await kept.keeping is ExitCode.OK
            assert kept.slot.status().has_left

        run(scenario)


def test_worker_that_waits_is_replaced_by_one_that_looks_for_itself(processes: Processes) -> None:
    async def scenario() -> None:
        kept = Kept(PATIENT)
        bind(await kept.sent_off(processes), 0)
        processes[0].report(Moved(WorkerState.WAITING))
        processes[0].report(Waiting(OTHER))
        replacing = await kept.rolling(processes)
        assert processes[0].told[1] == Stop(StopReason.RESTART, 5.0)
        processes[0].exit(0)
        following = await kept.sent_off(processes, 1)
        assert following.told == [Go(lineage=frozenset({client_id(0)}), attempts=1)]
        following.report(Moved(WorkerState.WAITING))
        assert await replacing is True
        kept.keeping.cancel()

    run(scenario)
