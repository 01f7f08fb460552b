"""An instance id of all 249 characters that Kafka allows is a good one (S04)."""

import string

import pytest

from tests.support.scenario import Rig

pytestmark = pytest.mark.broker

LEGAL = string.ascii_letters + string.digits + "._-"


def test_longest_instance_id_is_accepted(rig: Rig) -> None:
    longest = (LEGAL * 4)[:249]
    with rig(workers=("w0",), environment={"FRAMEWORK_INSTANCE_ID": longest}) as scenario:
        begun = scenario.all_steady()
        assert set(scenario.assignment()) == {longest}
        scenario.restart("w0")
        scenario.finish()

        assert scenario.generations_spent(begun) == 0
        assert scenario.duplicates() == 0
