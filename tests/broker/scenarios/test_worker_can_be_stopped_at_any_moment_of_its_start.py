"""SIGTERM at any moment of a start ends the worker soon, without a traceback, and leaves no member behind (R26)."""

import time
from functools import partial
from itertools import product

import pytest

from framework.testing import eventually
from tests.support.scenario import Rig
from tests.support.workers import WorkerProcess

pytestmark = pytest.mark.broker


def test_worker_can_be_stopped_at_any_moment_of_its_start(rig: Rig) -> None:
    with rig(workers=(), rate=0.0) as scenario:
        for milliseconds in range(0, 1000, 50):
            worker = scenario.start("w0")
            time.sleep(milliseconds / 1000)  # the moment of the fault
            ends_well(worker, f"stopped {milliseconds} ms after its start")

        eventually(lambda: not scenario.assignment(), within=scenario.plan.session + 3.0)


def test_worker_can_be_stopped_in_each_state_of_its_start(rig: Rig) -> None:
    """On no machine does a count of milliseconds hit all of them."""
    with rig(workers=(), rate=0.0) as scenario:
        for state, milliseconds in product(("loaded", "connecting", "starting", "running"), (0, 30)):
            worker = scenario.start("w0")
            eventually(partial(has_reached, worker, state), within=20.0, every=0.005)
            time.sleep(milliseconds / 1000)  # the moment of the fault
            ends_well(worker, f"stopped {milliseconds} ms after it was {state}")

        eventually(lambda: not scenario.assignment(), within=scenario.plan.session + 3.0)


def has_reached(worker: WorkerProcess, state: str) -> bool:
    return any(event["state"] == state for event in worker.events("worker.state"))


def ends_well(worker: WorkerProcess, when: str) -> None:
    ended = worker.terminate(within=5.0)
    assert "Traceback" not in worker.log(), when
    assert ended.code in (0, -15), when
