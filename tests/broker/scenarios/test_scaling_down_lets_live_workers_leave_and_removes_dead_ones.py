"""`framework scale` takes a dead worker out of the group, asks a live one to leave, and returns when all is owned."""

import pytest

from tests.support.observed import PARTITIONS
from tests.support.scenario import KILL_WINDOW, Rig
from tests.support.workers import TARGET

pytestmark = pytest.mark.broker


def test_scaling_down_lets_live_workers_leave_and_removes_dead_ones(rig: Rig) -> None:
    workers = ("w-0", "w-1", "w-2", "w-3")
    # With so long a session nothing but the removal can free a dead worker's seat.
    with rig(workers=workers, service="w", session=300.0) as scenario:
        begun = scenario.all_steady()
        dead, leaver = scenario.worker("w-3"), scenario.worker("w-2")
        dead.kill()
        removed = scenario.command("scale", TARGET, "--to", "3", within=60.0)
        assert removed.code == 0, removed.output
        assert set(scenario.assignment()) == {"w-0", "w-1", "w-2"}
        assert scenario.recovery(removed.ended, range(PARTITIONS), not_by=dead.pids()) <= 3.0
        assert scenario.generations_spent(begun) == 1
        scenario.all_done()
        lost_by_the_kill = scenario.duplicates()

        # Asked for while it lives: afterwards nobody knows which processes were its own.
        leaving = leaver.pids()
        left = scenario.command("scale", TARGET, "--to", "2", within=60.0)
        assert left.code == 0, left.output
        assert set(scenario.assignment()) == {"w-0", "w-1"}
        assert scenario.recovery(scenario.last_emitted(leaver), range(PARTITIONS), not_by=leaving) <= 3.0
        assert leaver.wait(within=5.0).code == 0
        assert scenario.generations_spent(begun) == 2
        scenario.finish()
        assert scenario.duplicates() == lost_by_the_kill <= KILL_WINDOW
