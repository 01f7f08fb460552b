"""A new version with one more agent consumes the new topic although no partition had to move."""

import pytest

from tests.support.scenario import Rig

pytestmark = pytest.mark.broker


def test_new_agent_is_fed_after_a_restart(rig: Rig) -> None:
    with rig(workers=("w0", "w1")) as scenario:
        scenario.all_steady()
        for label in scenario.plan.workers:
            scenario.restart(label, SCENARIO_EXTRA="1")

        scenario.consumes(scenario.extra_topic, 8, within=15.0)
        scenario.all_steady()
        scenario.finish()
        assert scenario.duplicates() == 0
