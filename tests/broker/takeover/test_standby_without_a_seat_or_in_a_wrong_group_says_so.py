"""A standby with no seat to shadow is not ready and says so; one in a group of others ends with a reason."""

import threading

import pytest
from kafka import KafkaConsumer

from framework.exit_codes import ExitCode
from framework.testing import eventually
from tests.support.scenario import Rig, Scenario

pytestmark = pytest.mark.broker


def test_standby_without_a_seat_stands_by(rig: Rig) -> None:
    with rig(workers=("w0", "w1"), standbys=("standby-0", "standby-1", "standby-2"), rate=20.0) as scenario:
        begun = scenario.all_protected()
        spare = scenario.worker("standby-2")
        eventually(lambda: spare.health().says("no seat", "FRAMEWORK_SHADOWS"), within=10.0)
        assert not spare.health().is_well
        status = scenario.command("standby", "status", "--group", scenario.group_id)
        assert "no seat" in status.output

        # Who shadows what can be said by name; then there is a second one for that seat.
        spare.terminate(within=10.0)
        named = scenario.start("standby-2", FRAMEWORK_SHADOWS="w1")
        eventually(lambda: named.health().is_well, within=20.0)
        assert named.events("standby.shadows")[-1]["seats"] == ["w1"]
        scenario.finish()
        assert scenario.replacements(begun) == 0
        assert scenario.duplicates() == 0


def test_standby_in_a_group_of_other_clients_ends(rig: Rig) -> None:
    with rig(workers=("w0",), rate=20.0) as scenario:
        begun = scenario.all_steady()
        other = f"{scenario.group_id}-of-others"
        with _Consumer(scenario, other):
            spare = scenario.start("spare", FRAMEWORK_ROLE="standby", FRAMEWORK_STANDBY_GROUP=other)
            assert spare.wait(within=30.0).code == ExitCode.GROUP_FAILED
            assert "uses this group id with other assignors" in spare.log()

        own = scenario.start("own", FRAMEWORK_ROLE="standby", FRAMEWORK_STANDBY_GROUP=scenario.group_id)
        assert own.wait(within=30.0).code == ExitCode.SETTINGS
        assert "FRAMEWORK_STANDBY_GROUP" in own.log()
        scenario.finish()
        assert scenario.generations_spent(begun) == 0


class _Consumer:
    """An ordinary consumer of another client in a group of its own, for as long as the block lasts."""

    def __init__(self, scenario: Scenario, group_id: str) -> None:
        self._consumer = KafkaConsumer(
            scenario.topic, bootstrap_servers=scenario.bootstrap_servers, group_id=group_id, enable_auto_commit=False
        )
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()
        eventually(self._consumer.assignment, within=20.0)

    def __exit__(self, *exc: object) -> None:
        self._is_over.set()
        self._thread.join(10.0)
        self._consumer.close()

    def _poll(self) -> None:
        while not self._is_over.is_set():
            self._consumer.poll(timeout_ms=100)
