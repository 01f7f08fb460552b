"""A standby that is killed while it warms, and again while it is warm, takes over in the end with exact totals."""

import time

import pytest

from framework.testing import eventually
from tests.support import topics
from tests.support.changelog import changelog_of, fill
from tests.support.observed import PARTITIONS
from tests.support.scenario import Rig
from tests.support.tallies import key_of
from tests.support.totals import assert_totals_are_exact, drain, keeps_up, with_tables
from tests.support.workers import WorkerProcess

pytestmark = pytest.mark.broker

FAILOVER_AFTER = 5.0
WITHIN = 8.0

KEYS = 15_000
"""Keys a partition: enough for a standby to be seen as it warms."""

BARELY = 1_000
"""Records that must be missing, and must be there, when it is killed as it warms."""

WARM_WITHIN = 60.0


@pytest.mark.parametrize("store", ["memory://", "rocksdb://"])
def test_standby_restarted_in_the_middle(rig: Rig, store: str) -> None:
    plan = with_tables(KEYS, FRAMEWORK_STORE=store, FRAMEWORK_FAILOVER_AFTER=str(FAILOVER_AFTER))
    scenario = rig(workers=("w0",), standbys=("standby-0",), rate=80.0, environment=plan)
    changelog = changelog_of(scenario.group_id, "tallies")
    topics.create_topics(scenario.bootstrap_servers, {changelog: PARTITIONS})
    before = {p: {key_of(p, n): 1 + p + n for n in range(KEYS)} for p in range(PARTITIONS)}
    fill(scenario.bootstrap_servers, changelog, before)

    with scenario:
        standby = scenario.worker("standby-0")
        eventually(lambda: BARELY < _lag(standby) < PARTITIONS * KEYS - BARELY, WARM_WITHIN, every=0.02)
        first = standby.kill_worker()
        scenario.all_protected(WARM_WITHIN)
        second = standby.kill_worker()
        eventually(lambda: standby.worker_pid() not in (None, second), WARM_WITHIN)
        scenario.all_protected(WARM_WITHIN)
        assert len({first, second, standby.worker_pid()}) == 3, "it was not started again twice"

        keeps_up(scenario)
        victim = scenario.worker("w0")
        victim.kill()
        killed = time.monotonic()
        assert scenario.recovery(killed, range(PARTITIONS), not_by=victim.pids()) <= FAILOVER_AFTER + WITHIN
        drain(scenario)
        scenario.finish()
        flat = {key: value for table in before.values() for key, value in table.items()}
        assert_totals_are_exact(scenario, KEYS, flat)


def _lag(standby: WorkerProcess) -> int:
    """Changelog records that it is behind; raises as long as it does not know."""
    return sum(standby.shadowing()["lags"].values())
