"""Workers without a partition stay members for good, and one of them takes over after a death (R14)."""

import time

import pytest

from tests.support.scenario import Rig

pytestmark = pytest.mark.broker

MAX_POLL = 10.0


def test_more_workers_than_partitions_stand_ready(rig: Rig) -> None:
    workers = tuple(f"w{number}" for number in range(10))
    idle_drop_out = {"FRAMEWORK_MAX_POLL_INTERVAL_MS": str(round(MAX_POLL * 1000))}
    with rig(workers=workers, environment=idle_drop_out) as scenario:
        begun = scenario.all_steady(within=60.0)
        families = {label: scenario.worker(label).family() for label in workers}
        seats = scenario.assignment()
        idle = {label for label in workers if not seats[label]}
        assert len(idle) == 2
        time.sleep(MAX_POLL + 2.0)  # idleness is the fault itself

        assert scenario.generations_spent(begun) == 0
        busy = next(label for label in workers if seats[label])
        killed, victim = time.monotonic(), scenario.worker(busy)
        victim.kill()
        assert scenario.recovery(killed, seats[busy], not_by=victim.pids()) <= 13.0

        del families[busy]
        assert {label: scenario.worker(label).family() for label in families} == families, "a worker was restarted"
        assert any(scenario.assignment()[label] for label in idle)
        scenario.finish()
        assert scenario.generations_spent(begun) == 1
