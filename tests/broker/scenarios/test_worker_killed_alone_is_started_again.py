"""A worker that is killed under its supervisor is started again, on its seat and without a rebalance."""

import time

import pytest

from tests.support.scenario import KILL_WINDOW, Rig
from tests.support.totals import has_committed

pytestmark = pytest.mark.broker


def test_worker_killed_alone_is_started_again(rig: Rig) -> None:
    with rig() as scenario:
        begun = scenario.all_steady()
        seat = scenario.assignment()["w1"]
        emitter = next(output.pid for output in reversed(scenario.outputs()) if output.worker == "w1")
        worker = scenario.worker("w1")
        has_committed(scenario)
        child = next(process for process in worker.family() if process.pid == emitter)
        killed = time.monotonic()
        child.kill()

        assert scenario.recovery(killed, seat, not_by=[emitter]) <= 6.0
        assert worker.is_alive
        scenario.finish()
        assert scenario.generations_spent(begun) == 0
        assert scenario.replacements(begun) == 1
        assert scenario.duplicates() <= KILL_WINDOW
