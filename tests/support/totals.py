"""A scenario whose app keeps tables, and whether its changelogs have exactly what the inputs add up to."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping

from framework.membership.admin import GroupAdmin
from framework.testing import eventually
from tests.support.changelog import changelog_of, table_in
from tests.support.roster import connection
from tests.support.scenario import Scenario
from tests.support.tallies import counted, tallied
from tests.support.workers import WorkerProcess

KEYS = 20
"""Keys a partition of the table that each input changes three times."""

SHOWN = 10

DRAINED_WITHIN = 90.0
"""Seconds for the backlog of many kills; the machine may have other things to do."""

AT_HAND = 0.5
"""Seconds of load that may be on their way through workers which keep up with it."""

SETTLED_AFTER = 0.3
"""Seconds after which whatever a frozen worker had sent is with the broker; far less than a shadow waits for it."""

BETWEEN_LOOKS = 0.3
"""Seconds that a worker then has to do something more; workers commit once a second."""


def with_tables(keys: int = KEYS, **environment: str) -> dict[str, str]:
    """The environment of workers that keep both tables."""
    return {"SCENARIO_TABLE": "2", "SCENARIO_KEYS": str(keys), **environment}


def keeps_up(scenario: Scenario) -> None:
    """Wait until the workers have no backlog: after a takeover they would work that off partition by partition."""
    few = scenario.plan.rate * AT_HAND
    eventually(lambda: scenario.load.acknowledged - len(scenario.ledger.outputs()) < few, DRAINED_WITHIN)


def freeze_with_uncommitted_work(scenario: Scenario, victim: WorkerProcess) -> float:
    """Freeze a worker when some of what it has sent out is not committed: a kill then has that done again.

    It is frozen for each look, for a worker that goes on could commit between the look and the kill.

    Returns:
        When it was frozen; monotonic seconds.
    """

    def frozen_at() -> float | None:
        now = time.monotonic()
        victim.freeze()
        time.sleep(SETTLED_AFTER)
        committed = scenario.history().committed(scenario.topic)
        if any(output.offset >= committed.get(output.partition, 0) for output in scenario.outputs()):
            return now
        victim.thaw()
        return None

    return eventually(frozen_at, DRAINED_WITHIN, every=BETWEEN_LOOKS)


def has_committed(scenario: Scenario) -> None:
    """Wait until no more is done and not committed than two seconds bring: at first it is all since the load began."""
    most = scenario.plan.rate * 2
    eventually(lambda: asyncio.run(_uncommitted(scenario)) <= most, DRAINED_WITHIN, every=0.1)


async def _uncommitted(scenario: Scenario) -> int:
    async with GroupAdmin(connection(scenario.bootstrap_servers)) as admin:
        found = await admin.lag(scenario.group_id, [scenario.topic])
    return sum(each.lag or 0 for each in found.values())


def drain(scenario: Scenario) -> None:
    """Stop the load, and wait until every input has an output."""
    wanted = {acked.uuid for acked in scenario.load.stop()}
    eventually(lambda: wanted <= {output.uuid for output in scenario.ledger.outputs()}, DRAINED_WITHIN, every=0.5)


def assert_totals_are_exact(scenario: Scenario, keys: int = KEYS, before: Mapping[str, int] | None = None) -> None:
    """Compare both tables with the inputs; to be called when all workers have ended.

    Args:
        scenario: one that has finished.
        keys: as in `with_tables`.
        before: what the table of tallies had at the start.

    Raises:
        AssertionError: some totals differ; the message has the first of them, `{key: (found, expected)}`.
    """
    inputs = scenario.load.stop()
    tallies = Counter(before or {})
    tallies.update(tallied(inputs, keys))
    wrong = {}
    for name, expected in (("counts", counted(inputs)), ("tallies", dict(tallies))):
        found = table_in(scenario.bootstrap_servers, changelog_of(scenario.group_id, name))
        differing = [key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key)]
        if differing:
            shown = {key: (found.get(key), expected.get(key)) for key in differing[:SHOWN]}
            wrong[name] = f"{len(differing)} of {len(expected)} totals are wrong, {{key: (found, expected)}}: {shown}"
    assert not wrong, wrong
