"""Five processes with one id that start at once, two of them on one host, end as one owner, and then it stays so."""

import pytest

from framework.testing import eventually
from tests.support.scenario import Rig
from tests.support.workers import WorkerProcess, on_host

pytestmark = pytest.mark.broker

HOSTS = ("a", "a", "b", "c", "d")
QUIET = 10.0


def test_many_with_one_id_end_as_one_owner(rig: Rig) -> None:
    with rig(workers=("w0",)) as scenario:
        scenario.all_steady()
        rivals = [scenario.start_beside(f"rival-{n}", "w1", **on_host(host)) for n, host in enumerate(HOSTS)]
        eventually(lambda: states(rivals) == ["running", *["waiting"] * (len(rivals) - 1)], within=40.0)
        settled = scenario.steady(members=2)
        owner = next(rival for rival in rivals if rival.state() == "running")
        scenario.still_alive(owner, for_seconds=QUIET)

        assert scenario.joins("w1", settled) == []
        assert set(scenario.emitting_for(settled)) == {"w0", owner.label}
        assert [rival for rival in rivals if rival.health().is_well] == [owner]
        scenario.finish()
        assert scenario.generations_spent(settled) == 0


def states(workers: list[WorkerProcess]) -> list[str]:
    return sorted(str(worker.state()) for worker in workers)
