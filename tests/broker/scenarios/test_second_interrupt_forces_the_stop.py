"""A second interrupt does not wait for the record in hand; the exit code says so, and the record comes again (R24)."""

import signal
import time

import pytest

from framework import ExitCode
from framework.testing import eventually
from tests.support.scenario import KILL_WINDOW, Rig

pytestmark = pytest.mark.broker


def test_second_interrupt_forces_the_stop(rig: Rig) -> None:
    with rig(workers=("w0", "w1")) as scenario:
        scenario.all_steady()
        w1 = scenario.worker("w1")
        held = scenario.load.send(min(scenario.assignment()["w1"]), hold=400.0)
        eventually(lambda: any(note.uuid == held.uuid for note in w1.notes()), within=10.0)
        w1.send(signal.SIGINT)
        # It says so after five seconds, and the grace of the first interrupt lasts for ten.
        eventually(lambda: w1.events("worker.still_stopping"), within=10.0)
        w1.send(signal.SIGINT)
        second = time.monotonic()
        ended = w1.wait(within=15.0)

        assert ended.code == ExitCode.FORCED
        assert time.monotonic() - second <= 3.0
        (forced,) = w1.events("worker.forced")
        assert f"{held.topic}[{held.partition}]@{held.offset}" in forced["in_flight"]
        assert any("wait_empty" in place for place in forced["waits_at"])
        scenario.start("w1", SCENARIO_IGNORE_HOLD="1")
        scenario.finish()
        assert held.uuid in {output.uuid for output in scenario.outputs()}
        assert scenario.duplicates() <= KILL_WINDOW
