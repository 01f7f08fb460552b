"""A stop waits for the record in hand, commits it, and ends well (R24)."""

import time

import pytest

from framework.testing import eventually
from tests.support.scenario import Rig

pytestmark = pytest.mark.broker


def test_record_in_hand_is_finished_before_the_stop(rig: Rig) -> None:
    with rig(workers=("w0", "w1")) as scenario:
        scenario.all_steady()
        partition = min(scenario.assignment()["w1"])
        w1 = scenario.worker("w1")
        held = scenario.load.send(partition, hold=3.0)
        eventually(lambda: any(note.uuid == held.uuid for note in w1.notes()), within=10.0)
        time.sleep(1.0)  # one second into the record
        ended = w1.terminate(within=6.0)

        assert ended.code == 0
        assert scenario.history().committed(scenario.topic)[partition] > held.offset
        eventually(lambda: held.uuid in {output.uuid for output in scenario.outputs()}, within=5.0)
        scenario.start("w1")
        scenario.finish()
        assert scenario.duplicates() == 0
