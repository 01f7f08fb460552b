"""`framework standby handover` and `drill` bring real workers' seats to their shadows and tell what it cost."""

import json

import pytest

from tests.support.scenario import Rig

pytestmark = pytest.mark.broker


def test_operator_hands_seats_over_and_drills(rig: Rig) -> None:
    with rig(workers=("w0", "w1"), standbys=("standby-0", "standby-1")) as scenario:
        begun = scenario.all_protected()
        group = ("--group", scenario.group_id)

        ended = scenario.command("standby", "handover", "w0", *group, "--json", within=60.0)
        assert ended.code == 0, ended
        (handed,) = json.loads(ended.output)["seats"]
        assert handed["standstill"] < 5.0
        assert handed["to"]["client_id"].startswith("w0@")

        ended = scenario.command("standby", "drill", "w1", *group, "--yes", "--json", within=60.0)
        assert ended.code == 0, ended
        drilled = json.loads(ended.output)
        assert drilled["complete"]
        assert drilled["takeover"] is not None
        assert drilled["duplicates_at_most"] is not None

        scenario.finish()
        assert scenario.generations_spent(begun) == 0
        assert scenario.duplicates() <= drilled["duplicates_at_most"]
