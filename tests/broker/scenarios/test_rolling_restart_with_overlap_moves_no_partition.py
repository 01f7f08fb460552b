"""A rolling restart in which each new worker starts before the old one is stopped costs no rebalance."""

import pytest

from framework import ExitCode
from tests.support.scenario import KILL_WINDOW, Rig

pytestmark = pytest.mark.broker


def test_rolling_restart_with_overlap_moves_no_partition(rig: Rig) -> None:
    with rig() as scenario:
        begun = scenario.all_steady()
        seats = scenario.assignment()
        for label in scenario.plan.workers:
            old = scenario.worker(label)
            new = scenario.start_beside(f"{label}-new", label)
            scenario.first_output(new)
            # Fenced, where the stop comes before the heartbeat that would have told it so.
            assert old.terminate(within=5.0).code in (ExitCode.OK, ExitCode.FENCED)
        renewed = scenario.mark()
        scenario.all_steady()
        scenario.finish()

        assert scenario.emitting_for(renewed) == {f"{label}-new": partitions for label, partitions in seats.items()}
        assert scenario.generations_spent(begun) == 0
        assert {label: len(scenario.joins(label, begun)) for label in seats} == dict.fromkeys(seats, 1)
        # Each is replaced while it is at work, without a last commit: what that may cost, it may cost each of them.
        repeated = {label: scenario.duplicates(partitions) for label, partitions in seats.items()}
        assert max(repeated.values()) <= KILL_WINDOW, repeated
