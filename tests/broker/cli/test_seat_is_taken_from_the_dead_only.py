"""`framework group remove` takes a dead worker's seat, and a live one's only by force."""

import json

from framework import ExitCode
from framework.testing import eventually
from tests.support.crew import Crew, client_id
from tests.support.operator import Operator


def test_live_dead_and_unknown_seats(crew: Crew, operator: Operator) -> None:
    crew.join("w-0", "w-1", "w-2")
    refused = operator("group", "remove", "w-1")
    assert refused.returncode == ExitCode.SEAT_LIVE, refused.stderr
    for part in ("'w-1'", "live worker", "host box", "process 4711", client_id("w-1"), "--force"):
        assert part in refused.stderr
    assert crew.group().seats == {"w-0", "w-1", "w-2"}

    crew.kill("w-1")
    removed = operator("group", "remove", "w-1", "--json")
    assert removed.returncode == ExitCode.OK, removed.stderr
    answer = json.loads(removed.stdout)
    assert (answer["removed"], answer["forgotten"], answer["holder"]["pid"]) == (True, True, 4711)
    assert eventually(lambda: crew.group().seats == {"w-0", "w-2"})
    assert [seat["group_instance_id"] for seat in operator.document("group", "describe")["seats"]] == ["w-0", "w-2"]

    unknown = operator("group", "remove", "w-1")
    assert unknown.returncode == ExitCode.NOT_FOUND
    assert "has no seat 'w-1'. It has w-0, w-2." in unknown.stderr

    forced = operator("group", "remove", "w-2", "--force")
    assert forced.returncode == ExitCode.OK, forced.stderr
    # It joins again. Who is stopped before the others have joined, too, waits for the whole rebalance timeout.
    crew.settled()


def test_without_a_roster_every_member_counts_as_live(crew: Crew, operator: Operator) -> None:
    crew.join("w-0", "w-1", speaks=False)
    crew.kill("w-1")
    refused = operator("group", "remove", "w-1")
    assert refused.returncode == ExitCode.SEAT_LIVE
    assert "nothing says that it is dead" in refused.stderr
    assert "cannot be read" in refused.stderr
    forced = operator("group", "remove", "w-1", "--force")
    assert forced.returncode == ExitCode.OK, forced.stderr
    assert eventually(lambda: crew.group().seats == {"w-0"})
