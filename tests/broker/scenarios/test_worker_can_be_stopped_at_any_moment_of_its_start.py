"""SIGTERM at any moment of a start ends the worker soon, without a traceback, and leaves no member behind (R26)."""

import time

import pytest

from framework.testing import eventually
from tests.support.scenario import Rig

pytestmark = pytest.mark.broker


def test_worker_can_be_stopped_at_any_moment_of_its_start(rig: Rig) -> None:
    with rig(workers=(), rate=0.0) as scenario:
        for milliseconds in range(0, 1000, 50):
            worker = scenario.start("w0")
            time.sleep(milliseconds / 1000)  # the moment of the fault
            ended = worker.terminate(within=5.0)
            assert "Traceback" not in worker.log(), f"stopped {milliseconds} ms after its start"
            assert ended.code in (0, -15), f"stopped {milliseconds} ms after its start"

        eventually(lambda: not scenario.assignment(), within=scenario.plan.session + 3.0)
