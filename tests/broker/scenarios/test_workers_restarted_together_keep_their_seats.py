"""Workers that stop together and start together find their seats, and the one that stayed notices nothing (R02)."""

import time

import pytest

from tests.support.scenario import Rig

pytestmark = pytest.mark.broker


def test_workers_restarted_together_keep_their_seats(rig: Rig) -> None:
    with rig(session=60.0) as scenario:
        begun = scenario.all_steady()
        seats = scenario.assignment()
        restarted = seats["w1"] | seats["w2"]
        for _ in range(5):
            # What these sent last may reach the ledger after their end, and is not the work of the new ones.
            stopped = scenario.worker("w1").pids() | scenario.worker("w2").pids()
            scenario.stop_together("w1", "w2", within=5.0)
            healed = time.monotonic()
            scenario.start("w1")
            scenario.start("w2")
            assert scenario.recovery(healed, restarted, not_by=stopped) <= 8.0
        scenario.finish()

        assert scenario.generations_spent(begun) == 0
        assert [note for note in scenario.worker("w0").notes() if note.kind == "revoked" and note.at > begun.at] == []
        assert scenario.duplicates() == 0
