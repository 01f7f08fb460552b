"""Twenty kills of workers under load: outputs come twice, and the tables are what the inputs add up to."""

import random
import time

import pytest

from tests.support.scenario import Rig
from tests.support.totals import assert_totals_are_exact, drain, with_tables

pytestmark = pytest.mark.broker

KILLS = 20
MOST = 40
"""Kills after which it is given up to wait for a duplicate."""


@pytest.mark.parametrize("store", ["memory://", "rocksdb://"])
def test_totals_are_exact_over_kills(rig: Rig, store: str) -> None:
    # A worker that is killed as it starts is not to wait longer and longer for its next start.
    restarts = {"FRAMEWORK_RESTART_BACKOFF_MAX": "0.2", "FRAMEWORK_RESTART_LIMIT": str(MOST)}
    with rig(environment=with_tables(FRAMEWORK_STORE=store, **restarts)) as scenario:
        scenario.all_steady()
        chance = random.Random(store)
        kills = 0
        while kills < KILLS or (scenario.duplicates() == 0 and kills < MOST):
            time.sleep(chance.uniform(0.3, 1.0))
            scenario.worker(chance.choice(scenario.plan.workers)).kill_worker()
            kills += 1

        drain(scenario)
        scenario.finish()
        assert scenario.duplicates() > 0, "nothing was processed twice, so nothing is proven"
        assert_totals_are_exact(scenario)
