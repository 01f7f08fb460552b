"""Whoever was first in a seat does not get it back from the live one that took it over, though Kafka shows its name."""

import pytest

from framework.testing import eventually
from tests.support.scenario import Rig
from tests.support.workers import on_host

pytestmark = pytest.mark.broker


def test_seat_stays_with_who_took_it_over(rig: Rig) -> None:
    with rig(workers=("w0",)) as scenario:
        scenario.all_steady()
        first = scenario.start_beside("first", "w1", **on_host("a"))
        scenario.steady(members=2)
        second = scenario.start_beside("second", "w1", **on_host("b"))
        eventually(lambda: second.state() == "waiting", within=20.0)
        first.terminate(within=10.0)
        eventually(lambda: second.state() == "running", within=20.0)
        begun = scenario.steady(members=2)

        # What Kafka describes is still the client id of the first one, on host a.
        returned = scenario.start_beside("first", "w1", **on_host("a"))
        eventually(lambda: returned.state() == "waiting", within=20.0)
        assert returned.fence()["holder_client_id"] == second.client_id()
        scenario.still_alive(second, for_seconds=3.0)
        scenario.finish()
        assert scenario.joins("w1", begun) == []
        assert scenario.duplicates() == 0
