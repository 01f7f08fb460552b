"""Recovery of tables that always ends."""

import asyncio

from faust.types import TP

from framework.streams.tables.manager import TableManager
from framework.streams.tables.recovery import Recovery
from tests.unit.membership.apps import offline_app
from tests.unit.streams.fakes import run, settle


def recovery_of() -> Recovery:
    app = offline_app()
    assert isinstance(app.tables, TableManager)
    recovery = app.tables.recovery
    assert isinstance(recovery, Recovery)
    return recovery


def test_end_signal_that_is_given_before_anybody_waits_is_not_lost() -> None:
    async def scenario() -> None:
        recovery = recovery_of()
        recovery._set_recovery_started()
        await recovery._end_if_recovered(0)
        task = asyncio.ensure_future(Recovery._slurp_changelogs.fun(recovery))  # which clears it in Faust
        await settle()
        await asyncio.wait_for(recovery.signal_recovery_end.wait(), 1.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(scenario)


def test_end_of_the_last_recovery_does_not_end_the_next() -> None:
    async def scenario() -> None:
        recovery = recovery_of()
        recovery._set_recovery_started()
        recovery.signal_recovery_end.set()
        recovery._set_recovery_ended()
        recovery._set_recovery_started()
        assert recovery.in_recovery
        assert not recovery.signal_recovery_end.is_set()

    run(scenario)


def test_a_step_that_takes_longer_than_its_timeout_does_not_end_recovery_for_good() -> None:
    async def scenario() -> None:
        recovery = recovery_of()
        # Faust takes a timeout for the end of the service and leaves its loop: no partition is resumed ever again.
        await recovery._wait(asyncio.sleep(0.05), timeout=0.01)

    run(scenario)


def test_it_recovers_what_is_behind() -> None:
    recovery = recovery_of()
    changelog = TP("totals-changelog", 0)
    recovery.active_highwaters[changelog] = 4
    recovery.active_offsets[changelog] = 3
    assert recovery.need_recovery()
    recovery.active_offsets[changelog] = 4
    assert not recovery.need_recovery()


def test_there_is_one_recovery() -> None:
    app = offline_app()
    assert app.tables.recovery is app.tables.recovery
