"""A lone worker that is paused for longer than its session, and so forgotten by the broker, goes on by itself."""

import time

import pytest

from framework.testing import eventually
from tests.support.observed import PARTITIONS
from tests.support.scenario import KILL_WINDOW, Rig

pytestmark = pytest.mark.broker


def test_lone_worker_paused_beyond_its_session_goes_on(rig: Rig) -> None:
    with rig(workers=("w0",), rate=60.0, session=6.0) as scenario:
        scenario.all_steady()
        worker = scenario.worker("w0")
        worker.freeze()
        eventually(lambda: not scenario.assignment(), within=15.0)
        thawed = time.monotonic()
        worker.thaw()

        assert scenario.recovery(thawed, range(PARTITIONS)) <= 15.0
        assert worker.is_alive
        eventually(lambda: worker.health().is_well, within=10.0)
        scenario.finish()
        assert scenario.duplicates() <= KILL_WINDOW
