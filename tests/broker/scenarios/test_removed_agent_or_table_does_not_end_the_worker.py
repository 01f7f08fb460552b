"""A new version without an agent and a table lives on, whether the restarted worker led the group or followed."""

import pytest

from tests.support.scenario import Rig

pytestmark = pytest.mark.broker


@pytest.mark.parametrize("role", ["leader", "follower"])
def test_removed_agent_or_table_does_not_end_the_worker(rig: Rig, role: str) -> None:
    with rig(workers=("w0", "w1"), environment={"SCENARIO_EXTRA": "1", "SCENARIO_TABLE": "1"}) as scenario:
        scenario.all_steady()
        scenario.consumes(scenario.extra_topic, 8, within=10.0)

        label = scenario.leader() if role == "leader" else scenario.follower()
        scenario.restart(label, SCENARIO_EXTRA="", SCENARIO_TABLE="")
        begun = scenario.all_steady()
        scenario.still_alive(scenario.worker(label), for_seconds=3.0)
        scenario.all_steady()
        assert scenario.generations_spent(begun) == 0, "the group does not come to rest"
        scenario.finish()
        assert scenario.duplicates() == 0
