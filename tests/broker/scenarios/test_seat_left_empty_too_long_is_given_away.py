"""A worker away longer than its session loses its partitions to the others, and gets some on its return (R03)."""

import time

import pytest

from tests.support.scenario import KILL_WINDOW, Rig

pytestmark = pytest.mark.broker


def test_seat_left_empty_too_long_is_given_away(rig: Rig) -> None:
    # The others hear of the rebalance at their next heartbeat; one a second would leave no time for anything else.
    with rig(environment={"FRAMEWORK_HEARTBEAT_INTERVAL_MS": "300"}) as scenario:
        begun = scenario.all_steady()
        orphaned = scenario.assignment()["w1"]
        w1 = scenario.worker("w1")
        assert w1.terminate(within=5.0).code == 0
        stopped, stopped_wall = time.monotonic(), time.time()

        assert scenario.recovery(stopped, orphaned, not_by=w1.pids()) <= 13.0
        rebalances = [group for group in scenario.history(begun).groups if group.timestamp > stopped_wall]
        assert 6.0 <= rebalances[0].timestamp - stopped_wall <= 11.0
        assert {member.group_instance_id for member in rebalances[0].members} == {"w0", "w2"}

        time.sleep(max(0.0, stopped + 15.0 - time.monotonic()))  # the pause is the fault itself
        scenario.start("w1")
        scenario.steady(members=3)
        scenario.finish()

        assert scenario.generations_spent(begun) == 2
        assert scenario.duplicates() <= KILL_WINDOW
