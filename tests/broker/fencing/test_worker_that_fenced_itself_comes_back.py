"""A lone worker that is fenced by a join in its own name, as two joins in flight can do, takes its seat again."""

import time

import pytest

from tests.support.observed import PARTITIONS
from tests.support.scenario import KILL_WINDOW, Rig

pytestmark = pytest.mark.broker


def test_worker_that_fenced_itself_comes_back(rig: Rig) -> None:
    with rig(workers=("w0",), rate=60.0) as scenario:
        begun = scenario.all_steady()
        worker = scenario.worker("w0")
        fenced_process = scenario.emitter(worker)
        fenced = time.monotonic()
        scenario.ghost_joins("w0")

        assert scenario.recovery(fenced, range(PARTITIONS), not_by=[fenced_process]) <= 10.0
        assert worker.is_alive
        scenario.finish()
        assert scenario.generations_spent(begun) == 0
        assert scenario.replacements(begun) == 2
        assert scenario.duplicates() <= KILL_WINDOW
