"""A killed worker that comes back within its session goes on where it was committed, without a rebalance (R07 i)."""

import time

import pytest

from tests.support.scenario import KILL_WINDOW, Rig

pytestmark = pytest.mark.broker


def test_killed_worker_that_returns_finds_its_seat(rig: Rig) -> None:
    with rig() as scenario:
        begun = scenario.all_steady()
        seat = scenario.assignment()["w1"]
        victim = scenario.worker("w1")
        victim.kill()
        time.sleep(1.0)  # the absence is the fault itself
        healed = time.monotonic()
        scenario.start("w1")

        assert scenario.recovery(healed, seat, not_by=victim.pids()) <= 6.0
        scenario.finish()
        assert scenario.generations_spent(begun) == 0
        assert scenario.replacements(begun) == 1
        assert scenario.duplicates() <= KILL_WINDOW
