"""One slot whose worker lets a shadow have its seat, or has taken one over: what the next process is told."""

import asyncio
from dataclasses import replace

import pytest

from framework.exit_codes import ExitCode
from framework.lifecycle.link import Admitted, Beat, Bound, Go, Left, Moved, Promoted, Shadows, Stop, Surplus, Yielded
from framework.membership.roster import Shadowing
from framework.states import ShadowState, StopReason, WorkerState
from tests.unit.lifecycle.fake_handle import FakeHandle, Processes
from tests.unit.lifecycle.kept_slot import Kept, run, until
from tests.unit.lifecycle.test_slot_and_seat import PATIENT, bind, client_id, fence, incarnation

SHADOWING = Shadows(Shadowing("shop-standby", ShadowState.WARM, lags={"w-0": 3}), {"shop-sums-changelog/0": 3})


async def shadowing(kept: Kept, processes: Processes, number: int = 0) -> FakeHandle:
    """A worker that shadows."""
    process = await kept.sent_off(processes, number)
    for state in (WorkerState.LOADED, WorkerState.CONNECTING, WorkerState.SHADOWING):
        process.report(Moved(state))
    return process


async def promoted(kept: Kept, processes: Processes, seat: str = "w-0") -> FakeHandle:
    """A standby that has taken a seat over."""
    process = await shadowing(kept, processes)
    process.report(Bound("shop", seat, client_id(0), "test", incarnation(0)))
    process.report(Promoted(seat))
    for state in (WorkerState.STARTING, WorkerState.RUNNING):
        process.report(Moved(state))
        process.report(Admitted("m-0"))
    return process


class TestYielded:
    @pytest.mark.parametrize("code", [ExitCode.OK, ExitCode.CRASHED, -9])
    def test_it_is_replaced_at_once_by_one_that_shadows(self, code: int, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            bind(await kept.running(processes), 0)
            processes[0].report(Admitted("m-0"))
            processes[0].report(Yielded())
            processes[0].exit(code)
            following = await kept.sent_off(processes, 1)
            assert following.told == [
                Go(lineage=frozenset({client_id(0)}), members=frozenset({"m-0"}), has_yielded=True)
            ]
            assert kept.slot.status().restarts == 0
            assert kept.slot._crashes == 0
            assert kept.failures == []
            kept.keeping.cancel()

        run(scenario)

    def test_one_after_that_is_told_only_what_its_predecessor_did(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            bind(await kept.running(processes), 0)
            processes[0].report(Yielded())
            processes[0].exit(0)
            bind(await kept.running(processes, 1), 1)
            processes[1].exit(1)
            following = await kept.sent_off(processes, 2)
            assert isinstance(following.told[0], Go)
            assert not following.told[0].has_yielded
            kept.keeping.cancel()

        run(scenario)

    def test_successor_of_a_roll_shadows_too(self, processes: Processes) -> None:
        """The order came while the successor was loading."""

        async def scenario() -> None:
            kept = Kept(PATIENT)
            bind(await kept.running(processes), 0)
            replacing = asyncio.ensure_future(kept.slot.replace(5.0))
            await until(lambda: len(processes) == 2 and processes[1].is_alive)
            processes[0].report(Yielded())
            processes[1].report(Moved(WorkerState.LOADED))
            await until(lambda: len(processes[0].told) == 2)
            processes[0].exit(0)
            following = await kept.sent_off(processes, 1)
            assert isinstance(following.told[0], Go)
            assert following.told[0].has_yielded
            following.report(Moved(WorkerState.SHADOWING))
            assert await replacing is True
            assert len(processes) == 2
            kept.keeping.cancel()

        run(scenario)

    def test_worker_that_is_stopped_for_good_is_not_replaced(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            (await kept.running(processes)).report(Yielded())
            kept.slot.stop(5.0)
            processes[0].exit(0)
            assert await kept.keeping is ExitCode.OK
            assert len(processes) == 1

        run(scenario)


class TestPromoted:
    @pytest.mark.parametrize("code", [ExitCode.CRASHED, -9])
    def test_next_process_goes_on_in_the_seat(self, code: int, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            (await promoted(kept, processes)).exit(code)
            following = await kept.sent_off(processes, 1)
            assert following.told == [Go(lineage=frozenset({client_id(0)}), members=frozenset({"m-0"}), seat="w-0")]
            kept.keeping.cancel()

        run(scenario)

    def test_roll_takes_the_seat_along(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            await promoted(kept, processes)
            replacing = await kept.rolling(processes)
            processes[0].exit(0)
            following = await kept.sent_off(processes, 1)
            assert following.told == [
                Go(True, lineage=frozenset({client_id(0)}), members=frozenset({"m-0"}), seat="w-0")
            ]
            replacing.cancel()
            kept.keeping.cancel()

        run(scenario)

    def test_seat_that_was_lost_is_not_gone_back_to(self, processes: Processes) -> None:
        """Its owner is back; the next process is a shadow again."""

        async def scenario() -> None:
            kept = Kept(PATIENT)
            fence(await promoted(kept, processes))
            following = await kept.sent_off(processes, 1)
            assert isinstance(following.told[0], Go)
            assert following.told[0].seat is None
            kept.keeping.cancel()

        run(scenario)

    def test_seat_that_was_handed_over_is_not_either(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            (await promoted(kept, processes)).report(Yielded())
            processes[0].exit(0)
            following = await kept.sent_off(processes, 1)
            assert isinstance(following.told[0], Go)
            assert (following.told[0].seat, following.told[0].has_yielded) == (None, True)
            kept.keeping.cancel()

        run(scenario)


class TestSurplus:
    """A seat where a spare helps out may be scaled away; the spare is not."""

    def test_spare_goes_back_to_where_it_came_from(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            (await promoted(kept, processes)).report(Surplus())
            processes[0].report(Left())
            processes[0].exit(0)
            following = await kept.sent_off(processes, 1)
            assert isinstance(following.told[0], Go)
            assert (following.told[0].seat, following.told[0].has_yielded) == (None, False)
            assert not kept.slot.status().has_left
            assert kept.slot.status().restarts == 0
            kept.keeping.cancel()

        run(scenario)


class TestShadowed:
    def test_next_process_tells_the_shadows_while_it_loads(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            bind(await kept.running(processes), 0)
            processes[0].report(Beat(0, 0.5, lease=3.0))
            processes[0].exit(1)
            following = await kept.sent_off(processes, 1)
            assert (processes[0].spec.announced, following.spec.announced) == (None, ("shop", "w-0"))
            assert isinstance(following.told[0], Go)
            assert following.told[0].is_shadowed
            kept.keeping.cancel()

        run(scenario)


class TestCrash:
    def test_shadow_that_was_at_work_for_long_begins_to_count_anew(self, processes: Processes) -> None:
        """It never runs while all is well."""

        async def scenario() -> None:
            kept = Kept(replace(PATIENT, reset_after=0.0))
            for number in range(2 * PATIENT.limit):
                (await shadowing(kept, processes, number)).exit(1)
            await kept.sent_off(processes, 2 * PATIENT.limit)
            assert kept.slot._crashes == 1
            kept.keeping.cancel()

        run(scenario)


class TestShadowing:
    def test_it_is_shown(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            (await shadowing(kept, processes)).report(SHADOWING)
            status = kept.slot.status()
            assert (status.state, status.shadowing) == (WorkerState.SHADOWING, SHADOWING.shadowing)
            assert status.shadow_lags == {"shop-sums-changelog/0": 3}
            kept.keeping.cancel()

        run(scenario)

    def test_it_is_a_state_to_roll_from_and_to(self, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            await shadowing(kept, processes)
            replacing = await kept.rolling(processes)
            assert processes[0].told[1] == Stop(StopReason.RESTART, 5.0)
            processes[0].exit(0)
            following = await shadowing(kept, processes, 1)
            assert following.told == [Go()]
            assert await replacing is True
            kept.keeping.cancel()

        run(scenario)

    @pytest.mark.parametrize("has_left", [False, True])
    def test_it_holds_a_seat_in_the_standby_group(self, has_left: bool, processes: Processes) -> None:
        async def scenario() -> None:
            kept = Kept(PATIENT)
            await shadowing(kept, processes)
            kept.slot.stop(5.0, StopReason.LEAVE)
            if has_left:
                processes[0].report(Left())
            processes[0].exit(0)
            assert await kept.keeping is ExitCode.OK
            assert kept.slot.status().has_left is has_left

        run(scenario)
