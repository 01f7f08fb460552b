"""Of two workers with one instance id the older stops emitting within 3 s, and says that it was fenced."""

import pytest

from framework import ExitCode
from tests.support.scenario import KILL_WINDOW, Rig

pytestmark = pytest.mark.broker


def test_older_of_two_with_one_id_is_fenced(rig: Rig) -> None:
    with rig() as scenario:
        begun = scenario.all_steady()
        older = scenario.worker("w1")
        newer = scenario.start("w1")
        scenario.first_output(newer)
        ended = older.wait(within=10.0)
        replaced = scenario.replaced_at(begun)

        assert ended.code == ExitCode.FENCED
        assert scenario.last_emitted(older) - replaced <= 3.0
        scenario.still_alive(newer, for_seconds=3.0)
        scenario.finish()
        assert scenario.generations_spent(begun) == 0
        assert scenario.replacements(begun) == 1
        assert scenario.both_emitting() <= 3.0
        assert scenario.duplicates() <= KILL_WINDOW
