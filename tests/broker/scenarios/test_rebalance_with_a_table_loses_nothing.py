"""An app with a table loses nothing, and does nothing twice, when partitions come and go and come back."""

import pytest

from tests.support.scenario import Rig

pytestmark = pytest.mark.broker


def test_rebalance_with_a_table_loses_nothing(rig: Rig) -> None:
    table = {"SCENARIO_TABLE": "1"}
    with rig(workers=("w0", "w1"), dynamic=frozenset({"guest"}), environment=table) as scenario:
        scenario.all_steady()
        for _ in range(3):
            guest = scenario.start("guest")
            scenario.steady(members=3)
            assert guest.terminate(within=5.0).code == 0
            scenario.steady(members=2)
        scenario.finish()

        assert scenario.duplicates() == 0
        assert scenario.both_emitting() == 0.0
