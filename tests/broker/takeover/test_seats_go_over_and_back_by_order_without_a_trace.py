"""Handovers to the spare and back: a gap too short to matter, nothing twice, one change of ownership each (R30)."""

import time

import pytest

from tests.support.figures import standstills
from tests.support.scenario import Rig

pytestmark = pytest.mark.broker

ROUNDS = 5
APART = 3.0
"""Seconds between two handovers; more than the shadow needs to be warm, and every commit and entry is written."""
GAP = 2.0


def test_seats_go_over_and_back_by_order_without_a_trace(rig: Rig) -> None:
    with rig(workers=("w0",), standbys=("standby-0",), environment={"SCENARIO_TABLE": "1"}) as scenario:
        begun = scenario.all_protected()
        for _ in range(2 * ROUNDS):
            ended = scenario.command("standby", "handover", "w0", "--group", scenario.group_id, within=60.0)
            assert ended.code == 0, ended.output
            time.sleep(APART)
        until = time.monotonic()

        gaps = standstills(scenario.outputs(), begun.at, until)
        assert len(gaps) == 8
        assert max(gaps.values()) <= GAP, gaps
        scenario.finish()
        assert scenario.generations_spent(begun) == 0
        assert len(scenario.joins("w0", begun)) == 2 * ROUNDS
        assert scenario.duplicates() == 0
        assert scenario.both_emitting() == 0.0
