"""The partitions of a killed worker that stays away go to the others when its session ends (R07 ii)."""

import time

import pytest

from tests.support.scenario import KILL_WINDOW, Rig

pytestmark = pytest.mark.broker


def test_killed_worker_that_stays_away_is_replaced(rig: Rig) -> None:
    with rig() as scenario:
        begun = scenario.all_steady()
        orphaned = scenario.assignment()["w1"]
        killed, victim = time.monotonic(), scenario.worker("w1")
        victim.kill()

        assert scenario.recovery(killed, orphaned, not_by=victim.pids()) <= 13.0
        scenario.finish()
        assert scenario.generations_spent(begun) == 1
        assert scenario.duplicates() <= KILL_WINDOW
