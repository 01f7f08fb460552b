"""With failback when_warm a worker that comes back shadows its seat first, and has it handed back without a pause."""

import time

import pytest

from framework.testing import eventually
from tests.support.figures import standstills
from tests.support.scenario import KILL_WINDOW, Rig

pytestmark = pytest.mark.broker

GAP = 2.0


def test_worker_that_is_back_has_its_seat_handed_back(rig: Rig) -> None:
    plan = {"FRAMEWORK_FAILBACK": "when_warm", "SCENARIO_TABLE": "1"}
    with rig(workers=("w0", "w1"), standbys=("standby-0",), environment=plan) as scenario:
        begun = scenario.all_protected()
        scenario.worker("w1").kill()
        spare = scenario.worker("standby-0")
        eventually(lambda: spare.state() == "running", within=15.0)
        taken_over = scenario.mark()
        scenario.recovery(taken_over.at, range(8))

        back_from = time.monotonic()
        back = scenario.start("w1")
        eventually(lambda: back.events("standby.failback"), within=30.0)
        eventually(lambda: back.state() == "running", within=15.0)
        eventually(lambda: spare.state() == "shadowing", within=15.0)
        scenario.recovery(time.monotonic(), range(8))

        gaps = standstills(scenario.outputs(), back_from, time.monotonic())
        assert len(gaps) == 8
        assert max(gaps.values()) <= GAP, gaps
        scenario.finish()
        assert scenario.generations_spent(begun) == 0
        assert len(scenario.joins("w1", begun)) == 2
        assert scenario.duplicates() <= KILL_WINDOW
