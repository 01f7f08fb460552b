"""Of two processes with one id one waits outside the group, and takes over when the other dies (R09, R11).

On one host the newer one keeps the seat: that is what a restart with overlap looks like. On two hosts the one that has
it does.
"""

import socket
import time

import pytest

from framework.testing import eventually
from tests.support.scenario import KILL_WINDOW, Rig
from tests.support.workers import on_host

pytestmark = pytest.mark.broker

TOGETHER = 60.0
TAKEOVER = 25.0


def test_two_processes_with_one_id_do_not_fight(rig: Rig) -> None:
    with rig() as scenario:
        begun = scenario.all_steady()
        seats = scenario.assignment()
        older, holder = scenario.worker("w1"), scenario.worker("w2")
        newer = scenario.start_beside("w1-newer", "w1")
        elsewhere = scenario.start_beside("w2-elsewhere", "w2", **on_host("elsewhere"))
        scenario.first_output(newer)
        replaced = scenario.replaced_at(begun)
        eventually(lambda: older.state() == elsewhere.state() == "waiting", within=10.0)
        scenario.commits_advance_for(begun.at + TOGETHER - time.monotonic(), each=5.0)

        # On one host: replaced once, silent at once, and it says by whom.
        assert len(scenario.joins("w1", begun)) == 1
        assert scenario.last_emitted(older) - replaced <= 3.0
        health = older.health()
        assert health.code == 500
        assert health.says("waits for its seat", socket.gethostname(), str(scenario.emitter(newer)))
        assert older.fence()["verdict"] == "superseded"
        assert older.fence()["holder_client_id"] == newer.client_id()
        assert scenario.duplicates(seats["w1"]) <= KILL_WINDOW
        assert newer.health().is_well
        # On two: nothing happened but that somebody waits.
        assert scenario.joins("w2", begun) == []
        assert scenario.emitting_for(begun).get(elsewhere.label) is None
        assert elsewhere.health().code == 500
        assert elsewhere.fence()["verdict"] == "held"
        assert elsewhere.fence()["holder_client_id"] == holder.client_id()
        assert elsewhere.events("worker.waiting")[-1]["holder_pid"] == scenario.emitter(holder)
        assert scenario.duplicates(seats["w2"]) == 0
        # The others see nothing of all this.
        assert scenario.generations_spent(begun) == 0
        assert scenario.duplicates(seats["w0"]) == 0
        for label in ("w0", "w2"):
            assert [note for note in scenario.worker(label).notes() if note.at > begun.at] == []

        killed, dead = time.monotonic(), newer.pids() | holder.pids()
        newer.kill()
        holder.kill()
        assert scenario.emits_after(older, killed, within=TAKEOVER) <= TAKEOVER
        assert scenario.emits_after(elsewhere, killed, within=TAKEOVER) <= TAKEOVER
        assert scenario.recovery(killed, seats["w1"] | seats["w2"], not_by=dead) <= TAKEOVER
        scenario.finish()
        assert scenario.both_emitting() <= 3.0
        assert scenario.duplicates() <= 3 * KILL_WINDOW
