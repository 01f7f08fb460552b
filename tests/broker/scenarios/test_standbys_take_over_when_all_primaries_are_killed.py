"""When all primary workers are killed with their supervisors, the standbys emit on every partition soon after (R29)."""

import time

import pytest

from tests.support.scenario import Rig

pytestmark = pytest.mark.broker

FAILOVER_AFTER = 5.0
WITHIN = 8.0
DUPLICATES = 1300
"""Rate times the seconds of commit interval and failover, and a hundred."""


def test_standbys_take_over_when_all_primaries_are_killed(rig: Rig) -> None:
    plan = {"FRAMEWORK_FAILOVER_AFTER": str(FAILOVER_AFTER), "SCENARIO_TABLE": "1"}
    with rig(standbys=("standby-0", "standby-1", "standby-2"), environment=plan) as scenario:
        begun = scenario.all_protected()
        victims = [scenario.worker(label) for label in scenario.plan.workers]
        killed, dead = time.monotonic(), set[int]()
        for victim in victims:
            victim.kill()
            dead |= victim.pids()

        assert scenario.recovery(killed, range(8), not_by=dead) <= WITHIN
        scenario.finish()
        assert scenario.generations_spent(begun) == 0
        assert scenario.replacements(begun) == 3
        assert scenario.duplicates() <= DUPLICATES
