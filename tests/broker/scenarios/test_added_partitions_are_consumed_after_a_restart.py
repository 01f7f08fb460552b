"""Partitions that are added after a restart of the group's leader or of a follower are consumed."""

import pytest

from tests.support.scenario import Rig

pytestmark = pytest.mark.broker


@pytest.mark.parametrize("role", ["leader", "follower"])
def test_added_partitions_are_consumed_after_a_restart(rig: Rig, role: str) -> None:
    with rig(workers=("w0", "w1")) as scenario:
        scenario.all_steady()
        scenario.restart(scenario.leader() if role == "leader" else scenario.follower())
        scenario.all_steady()
        scenario.add_partitions(12)

        scenario.consumes(scenario.topic, 12, within=60.0)
        scenario.finish()
        assert scenario.duplicates() == 0
