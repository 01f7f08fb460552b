"""Seats whose names contain each other are different seats, also when each is restarted (S04)."""

import pytest

from tests.support.scenario import Rig

pytestmark = pytest.mark.broker


def test_instance_ids_that_contain_each_other_stay_apart(rig: Rig) -> None:
    with rig(workers=("w", "w-1", "w-1-1")) as scenario:
        begun = scenario.all_steady()
        seats = scenario.assignment()
        for label in scenario.plan.workers:
            scenario.restart(label)
        restarted = scenario.mark()
        scenario.all_steady()

        assert scenario.assignment() == seats
        scenario.finish()
        assert scenario.emitting_for(restarted) == seats
        assert scenario.generations_spent(begun) == 0
        assert scenario.duplicates() == 0
