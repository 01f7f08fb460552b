"""A dynamic guest that comes and goes ten times makes no duplicate, and commits go on after it (R16)."""

import pytest

from tests.support.scenario import Rig

pytestmark = pytest.mark.broker


def test_dynamic_guest_comes_and_goes_without_duplicates(rig: Rig) -> None:
    with rig(dynamic=frozenset({"guest"})) as scenario:
        begun = scenario.all_steady()
        for _ in range(10):
            guest = scenario.start("guest")
            scenario.steady(members=4)
            assert guest.terminate(within=5.0).code == 0
            scenario.steady(members=3)
        returned = scenario.mark()
        scenario.commits_advance(returned, within=5.0)
        scenario.finish()

        assert scenario.generations_spent(begun) >= 20
        assert scenario.duplicates() == 0
        assert scenario.both_emitting() == 0.0
