"""Workers that start a new group together, and all want to create its roster, warn of nothing."""

import pytest

from tests.support.events import events_in
from tests.support.scenario import Rig

pytestmark = pytest.mark.broker


def test_first_start_warns_of_no_roster(rig: Rig) -> None:
    with rig() as scenario:
        scenario.all_steady()
        told = [
            (label, event["level"], event["event"])
            for label in scenario.plan.workers
            for event in events_in(scenario.worker(label).log().encode())
        ]
        assert {label for label, _, _ in told} == set(scenario.plan.workers)
        assert sum(event == "roster.created" for _, _, event in told) == 1
        about = [line for line in told if line[2].startswith("roster.") or line[2] == "worker.no_roster"]
        assert [line for line in about if line[1] != "info" or line[2] == "worker.no_roster"] == []
        scenario.finish()
