"""When its roster is deleted a group works on, and a seat can still be given up with `framework leave --wait`."""

import pytest

from tests.support.observed import PARTITIONS
from tests.support.scenario import Rig
from tests.support.workers import TARGET

pytestmark = pytest.mark.broker


def test_work_goes_on_without_the_roster(rig: Rig) -> None:
    with rig(workers=("w0", "w1"), session=300.0) as scenario:
        begun = scenario.all_steady()
        scenario.delete_roster()
        scenario.commits_advance_for(5.0, each=5.0)
        assert all(scenario.worker(label).health().is_well for label in ("w0", "w1"))

        w1 = scenario.worker("w1")
        done = scenario.command("leave", TARGET, "--pid", str(w1.pid), "--wait")
        assert done.code == 0, done.output
        assert set(scenario.assignment()) == {"w0"}
        assert scenario.recovery(done.ended, range(PARTITIONS), not_by=w1.pids()) <= 3.0
        assert w1.wait(within=5.0).code == 0
        scenario.finish()
        assert scenario.generations_spent(begun) == 1
        assert scenario.duplicates() == 0
