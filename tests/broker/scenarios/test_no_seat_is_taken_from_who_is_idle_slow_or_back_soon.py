"""No takeover of an idle or slow seat, over a blip, a restart in time, or by a spare that restarts (R31)."""

import time

import pytest

from framework.testing import eventually
from tests.support.figures import owners
from tests.support.proxied_kafka import ProxiedKafka
from tests.support.scenario import KILL_WINDOW, Rig, Scenario

pytestmark = pytest.mark.broker

FAILOVER = {"FRAMEWORK_FAILOVER_AFTER": "5"}
IDLE = 15.0
BLIP = 4.0
SEATS = ("w0", "w1")


def nobody_has_moved(scenario: Scenario, pids: dict[int, int]) -> None:
    """Every partition is worked on by the supervisor that had it."""
    family = {pid: label for label in SEATS for pid in scenario.worker(label).pids()}
    now = owners(scenario.outputs())
    assert {p: family.get(pid) for p, pid in now.items()} == {p: family.get(pid) for p, pid in pids.items()}


def test_no_seat_is_taken_from_who_is_idle_or_slow(rig: Rig) -> None:
    with rig(workers=SEATS, standbys=("standby-0",), rate=20.0, environment=FAILOVER) as scenario:
        begun = scenario.all_protected()
        before = owners(scenario.outputs())
        # Slow: the agent of one worker holds a record, and its partitions fall behind.
        scenario.load.send(0, hold=IDLE)
        time.sleep(IDLE)
        scenario.recovery(time.monotonic(), range(8))
        nobody_has_moved(scenario, before)

        # Idle: nothing to do at all.
        scenario.load.stop()
        time.sleep(IDLE)
        assert scenario.command("standby", "status", "--group", scenario.group_id, "--check").code == 0
        assert scenario.replacements(begun) == 0
        assert scenario.generations_spent(begun) == 0
        scenario.finish()
        assert scenario.duplicates() == 0


def test_no_seat_is_taken_over_a_blip_or_a_restart(proxied: ProxiedKafka, proxied_rig: Rig) -> None:
    with proxied_rig(workers=SEATS, standbys=("standby-0",), environment=FAILOVER) as scenario:
        scenario.all_protected()
        before = owners(scenario.outputs())
        begun = scenario.mark()
        proxied.proxy.cut()
        time.sleep(BLIP)
        healed = time.monotonic()
        proxied.proxy.heal()
        scenario.recovery(healed, range(8))
        time.sleep(6.0)
        assert scenario.replacements(begun) == 0
        nobody_has_moved(scenario, before)

        # A worker is back within its budget, killed or stopped. The supervisor of the killed one lives: it is who says
        # that another process is on its way, and a new one could not before it has loaded.
        scenario.restart("w0", stop_within=8.0)
        w1 = scenario.worker("w1")
        w1.kill_worker()
        scenario.emits_after(w1, time.monotonic(), within=20.0)
        time.sleep(6.0)
        assert scenario.replacements(begun) == 2
        restarted = owners(scenario.outputs())

        # The spare itself dies and comes back.
        scenario.worker("standby-0").kill()
        scenario.start("standby-0")
        scenario.all_protected()
        time.sleep(6.0)
        nobody_has_moved(scenario, restarted)
        assert scenario.generations_spent(begun) == 0
        assert scenario.replacements(begun) == 2
        eventually(lambda: scenario.worker("standby-0").state() == "shadowing", within=5.0)
        scenario.finish()
        assert scenario.duplicates() <= KILL_WINDOW
