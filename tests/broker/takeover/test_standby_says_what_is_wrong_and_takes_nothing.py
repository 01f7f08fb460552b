"""A standby without a primary, or with other tables, is not ready, says why, and never takes a seat over."""

import time

import pytest

from framework.testing import eventually
from tests.support.scenario import Rig

pytestmark = pytest.mark.broker

LONG_ENOUGH = 6.0
"""Seconds after which a standby that could take the seat would have it."""


def test_standby_says_what_is_wrong_and_takes_nothing(rig: Rig) -> None:
    with rig(workers=(), rate=20.0) as scenario:
        spare = scenario.start("standby-0", FRAMEWORK_ROLE="standby", SCENARIO_TABLE="1")
        eventually(lambda: spare.health().says("no primary", "start the primary workers"), within=30.0)
        assert not spare.health().is_well

        primary = scenario.start("w0")
        eventually(lambda: spare.health().says("different", "this code has tables"), within=30.0)
        begun = scenario.steady(members=1)
        status = scenario.command("standby", "status", "--group", scenario.group_id, "--check")
        assert status.code == 3
        assert "other tables" in status.output

        primary.kill()
        time.sleep(LONG_ENOUGH)
        assert spare.state() == "shadowing"
        assert scenario.joins("w0", begun) == []
        scenario.start("w0")
        scenario.steady(members=1)
        scenario.finish()
