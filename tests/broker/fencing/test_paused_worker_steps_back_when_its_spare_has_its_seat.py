"""A worker that was paused and taken over emits nothing when it is woken, and becomes the shadow within seconds."""

import time

import pytest

from framework.testing import eventually
from tests.support.scenario import Rig
from tests.support.totals import has_committed

pytestmark = pytest.mark.broker

PAUSE = 20.0
BACK_WITHIN = 3.0
FAILOVER_AFTER = 3.0
DUPLICATES = 300
"""Rate of one of two workers times two seconds, and a hundred."""


def test_paused_worker_steps_back_when_its_spare_has_its_seat(rig: Rig) -> None:
    with rig(workers=("w0", "w1"), standbys=("standby-0",), session=30.0) as scenario:
        begun = scenario.all_protected()
        has_committed(scenario)
        paused = scenario.worker("w1")
        partitions = scenario.assignment()["w1"]
        paused.freeze()
        frozen = time.monotonic()
        assert scenario.recovery(frozen, partitions, not_by=paused.pids()) <= FAILOVER_AFTER + 5.0
        time.sleep(max(0.0, frozen + PAUSE - time.monotonic()))

        woken = time.monotonic()
        zombies = paused.pids()
        paused.thaw()
        eventually(lambda: paused.events("worker.membership_lost"), within=BACK_WITHIN)
        assert time.monotonic() - woken <= BACK_WITHIN
        eventually(lambda: paused.state() == "shadowing", within=20.0)
        time.sleep(2.0)
        late = [o for o in scenario.outputs() if o.pid in zombies and o.arrived > woken and o.partition in partitions]
        assert late == []
        scenario.finish()
        assert scenario.generations_spent(begun) == 0
        assert scenario.replacements(begun) == 1
        assert scenario.duplicates() <= DUPLICATES
        assert scenario.both_emitting() == 0.0
