"""Without instance ids each restart costs a rebalance: the control of the rig's own figures (R01)."""

import pytest

from tests.support.scenario import Rig

pytestmark = pytest.mark.broker


def test_rolling_restart_of_dynamic_members_rebalances(rig: Rig) -> None:
    with rig(dynamic=frozenset({"w0", "w1", "w2"})) as scenario:
        begun = scenario.all_steady()
        for _ in range(3):
            for label in scenario.plan.workers:
                ended, _ = scenario.restart(label)
                assert ended.code == 0
        scenario.finish()

        assert scenario.generations_spent(begun) >= 9
        assert scenario.replacements(begun) == 0
        assert scenario.duplicates() == 0
