"""With the stop policy a fenced worker does not wait: its supervisor ends within 5 s and names the holder (R11).

Started again, as an orchestrator would, it does not take back what it has given up.
"""

import socket

import pytest

from framework import ExitCode
from framework.testing import eventually
from tests.support.scenario import KILL_WINDOW, Rig
from tests.support.workers import on_host

pytestmark = pytest.mark.broker


def test_fenced_worker_stops_where_the_policy_says_so(rig: Rig) -> None:
    with rig(workers=("w0", "w1"), environment={"FRAMEWORK_FENCED_POLICY": "stop"}) as scenario:
        # What came before the first commit, at the start, is more than the window.
        scenario.commits_advance(scenario.all_steady(), within=5.0)
        begun = scenario.mark()
        seat, older = scenario.assignment()["w1"], scenario.worker("w1")
        newer = scenario.start_beside("w1-newer", "w1")
        eventually(lambda: scenario.joins("w1", begun), within=20.0)
        superseded = older.wait(within=5.0)
        scenario.first_output(newer)

        assert superseded.code == ExitCode.SUPERSEDED
        for named in (socket.gethostname(), str(scenario.emitter(newer)), newer.client_id()):
            assert named in older.log()

        again = scenario.start_beside("w1-again", "w1")
        assert again.wait(within=20.0).code == ExitCode.SEAT_TAKEN
        elsewhere = scenario.start_beside("w1-elsewhere", "w1", **on_host("elsewhere"))
        assert elsewhere.wait(within=20.0).code == ExitCode.SEAT_TAKEN
        assert str(scenario.emitter(newer)) in elsewhere.log()
        scenario.finish()
        assert len(scenario.joins("w1", begun)) == 1
        assert scenario.generations_spent(begun) == 0
        assert scenario.duplicates(seat) == scenario.duplicates() <= KILL_WINDOW
