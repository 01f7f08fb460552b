"""Each worker more, and each that leaves on purpose, costs one quick rebalance; one that just stops, none (R13)."""

import signal
import time
from datetime import datetime

import pytest

from tests.support.observed import PARTITIONS
from tests.support.proxied_kafka import ProxiedKafka
from tests.support.requests import LEAVE_GROUP, NOT_COORDINATOR
from tests.support.scenario import Rig, Scenario
from tests.support.workers import WorkerProcess

pytestmark = pytest.mark.broker


def test_group_grows_and_shrinks_in_single_rebalances(proxied_rig: Rig, proxied: ProxiedKafka) -> None:
    with proxied_rig(session=300.0) as scenario:
        scenario.all_steady()
        grow(scenario, "w3", members=4)
        grow(scenario, "w4", members=5)

        shrink(scenario, "w3", members=4)
        proxied.proxy.refuse(LEAVE_GROUP, NOT_COORDINATOR)  # the coordinator moves just when the worker leaves
        asked = len(proxied.proxy.requests(LEAVE_GROUP))
        shrink(scenario, "w4", members=3)
        assert len(proxied.proxy.requests(LEAVE_GROUP)) == asked + 2

        rested = scenario.mark()
        ended, _ = scenario.restart("w2")
        assert ended.code == 0
        scenario.finish()
        assert scenario.generations_spent(rested) == 0
        assert scenario.duplicates() == 0
        assert scenario.both_emitting() == 0.0


def grow(scenario: Scenario, label: str, members: int) -> None:
    before = scenario.mark()
    worker = scenario.start(label)
    grown = scenario.steady(members).wall - loaded_at(worker)
    assert grown <= 5.0
    assert scenario.generations_spent(before) == 1


def loaded_at(worker: WorkerProcess) -> float:
    """When a worker had loaded its app, seconds since 1970; how long that takes is the machine's affair."""
    (loaded,) = (event for event in worker.events("worker.state") if event["state"] == "loaded")
    return datetime.fromisoformat(loaded["timestamp"]).timestamp()


def shrink(scenario: Scenario, label: str, members: int) -> None:
    before, worker = scenario.mark(), scenario.worker(label)
    worker.send(signal.SIGUSR2)
    left = time.monotonic()
    assert scenario.recovery(left, range(PARTITIONS), not_by=worker.pids()) <= 3.0
    assert worker.wait(within=5.0).code == 0
    scenario.steady(members)
    assert scenario.generations_spent(before) == 1
