"""A standby takes over in the midst of table changes, also a table of half a million keys, and no total is wrong."""

import pytest

from framework.testing import eventually
from tests.support import topics
from tests.support.changelog import changelog_of, fill
from tests.support.observed import PARTITIONS
from tests.support.scenario import Rig, Scenario
from tests.support.tallies import key_of
from tests.support.totals import assert_totals_are_exact, drain, freeze_with_uncommitted_work, keeps_up, with_tables

pytestmark = pytest.mark.broker

FAILOVER_AFTER = 5.0
WITHIN = 8.0
"""Seconds beyond that until every partition has an output."""

KEYS = 62_500
"""Keys a partition: half a million in all."""

WARM_WITHIN = 120.0


@pytest.mark.parametrize("store", ["memory://", "rocksdb://"])
def test_takeover_while_the_changelog_is_written(rig: Rig, store: str) -> None:
    plan = with_tables(FRAMEWORK_STORE=store, FRAMEWORK_FAILOVER_AFTER=str(FAILOVER_AFTER))
    with rig(workers=("w0",), standbys=("standby-0",), rate=120.0, environment=plan) as scenario:
        scenario.all_protected()
        _take_over(scenario)
        drain(scenario)
        scenario.finish()
        assert scenario.duplicates() > 0, "nothing was processed twice, so nothing is proven"
        assert_totals_are_exact(scenario)


def test_takeover_of_half_a_million_keys(rig: Rig) -> None:
    plan = with_tables(KEYS, FRAMEWORK_FAILOVER_AFTER=str(FAILOVER_AFTER))
    scenario = rig(workers=("w0",), standbys=("standby-0",), rate=40.0, environment=plan)
    changelog = changelog_of(scenario.group_id, "tallies")
    topics.create_topics(scenario.bootstrap_servers, {changelog: PARTITIONS})
    # Different values, so that a key which begins anew or has another one's value is noticed.
    before = {p: {key_of(p, n): 1 + p + n for n in range(KEYS)} for p in range(PARTITIONS)}
    fill(scenario.bootstrap_servers, changelog, before)

    with scenario:
        scenario.all_protected(WARM_WITHIN)
        standby = scenario.worker("standby-0")
        # Warm is 10,000 records behind; here the shadow has all that was there before the workers.
        eventually(lambda: sum(standby.shadowing()["lags"].values()) < 1000, within=WARM_WITHIN)
        _take_over(scenario)
        drain(scenario)
        scenario.finish()
        assert scenario.duplicates() > 0, "nothing was processed twice, so nothing is proven"
        flat = {key: value for table in before.values() for key, value in table.items()}
        assert_totals_are_exact(scenario, KEYS, flat)


def _take_over(scenario: Scenario) -> None:
    """Kill the primary with its supervisor under load; its standby emits soon after."""
    keeps_up(scenario)
    victim = scenario.worker("w0")
    silent_since = freeze_with_uncommitted_work(scenario, victim)
    victim.kill()
    assert scenario.recovery(silent_since, range(PARTITIONS), not_by=victim.pids()) <= FAILOVER_AFTER + WITHIN
