"""A rolling restart of static members costs no rebalance, no duplicate and little time (R01)."""

import pytest

from tests.support.scenario import Rig

pytestmark = pytest.mark.broker

ROUNDS = 3


def test_rolling_restart_moves_no_partition(rig: Rig) -> None:
    with rig() as scenario:
        begun = scenario.all_steady()
        seats = scenario.assignment()
        for _ in range(ROUNDS):
            for label in scenario.plan.workers:
                ended, output = scenario.restart(label, stop_within=5.0)
                assert ended.code == 0
                assert output <= 5.0
        scenario.finish()

        assert scenario.generations_spent(begun) == 0
        assert scenario.replacements(begun) == ROUNDS * len(scenario.plan.workers)
        assert scenario.assignment() == seats
        assert scenario.duplicates() == 0
        assert scenario.both_emitting() == 0.0
