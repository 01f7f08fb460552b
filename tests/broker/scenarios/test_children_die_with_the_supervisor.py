"""A killed supervisor leaves no child behind (R26)."""

import os
import signal

import pytest

from tests.support.scenario import Rig

pytestmark = pytest.mark.broker


def test_children_die_with_the_supervisor(rig: Rig) -> None:
    with rig(workers=("w0",)) as scenario:
        scenario.all_steady()
        worker = scenario.worker("w0")
        assert len(worker.family()) > 1
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait(within=5.0)

        scenario.start("w0")
        scenario.finish()
