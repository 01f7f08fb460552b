"""Two standby processes with one id: one shadows, the other waits, and takes its place when it dies."""

import pytest

from framework.testing import eventually
from tests.support.scenario import Rig
from tests.support.workers import on_host

pytestmark = pytest.mark.broker


def test_standbys_with_one_id_do_not_fight(rig: Rig) -> None:
    with rig(workers=("w0",), standbys=("standby-0",)) as scenario:
        begun = scenario.all_protected()
        first = scenario.worker("standby-0")
        second = scenario.start_beside("second", "standby-0", FRAMEWORK_ROLE="standby", **on_host("elsewhere"))
        eventually(lambda: second.state() == "waiting", within=20.0)
        scenario.still_alive(first, for_seconds=3.0)
        assert first.state() == "shadowing"
        assert not second.health().is_well

        first.kill()
        eventually(lambda: second.state() == "shadowing", within=25.0)
        scenario.all_protected()
        scenario.finish()
        assert scenario.replacements(begun) == 0
        assert scenario.duplicates() == 0
