"""While records flow timers run and pages answer, and in the end the counters are right."""

from itertools import pairwise

import pytest

from tests.support.both_paths_inputs import EACH, FLOW
from tests.support.both_paths_runs import Both, Run

pytestmark = [pytest.mark.broker, pytest.mark.timed]

LONGEST_GAP = 1.5
"""Seconds between two ticks of a timer of 0.1 s, on a machine with two workers and a broker on two cores."""


@pytest.fixture(params=["fast", "faust"])
def run(request: pytest.FixtureRequest, both: Both) -> Run:
    return getattr(both, request.param)


def test_timer_ticks_while_records_flow(run: Run) -> None:
    meanwhile = [note for note in run.seen("timer") if 0 < note["flowed"] < FLOW]
    assert len(meanwhile) >= 8
    assert max(after["at"] - before["at"] for before, after in pairwise(meanwhile)) < LONGEST_GAP


def test_crontab_comes_while_records_flow(run: Run) -> None:
    assert [note for note in run.seen("crontab") if 0 < note["flowed"] < FLOW]


def test_page_answers_while_records_flow(run: Run) -> None:
    assert len({flowed for flowed in run.flow_pages if 0 < flowed < FLOW}) >= 3


def test_received_records_are_counted(both: Both) -> None:
    fast, faust = (run.pages["/monitor/"] for run in (both.fast, both.faust))
    assert fast["received"] == faust["received"]
    assert faust["received"]["values"] == 2 * EACH
    assert faust["received"]["shared"] == 2 * EACH
    assert fast["received_total"] == faust["received_total"] == sum(faust["received"].values())


def test_events_are_counted(both: Both) -> None:
    fast, faust = (run.pages["/monitor/"] for run in (both.fast, both.faust))
    assert fast["events_total"] == faust["events_total"]
    assert sorted(fast["by_stream"].values()) == sorted(faust["by_stream"].values())
    assert sum(fast["by_stream"].values()) == fast["events_total"]


def test_events_of_each_stream_are_counted(both: Both) -> None:
    fast, faust = (run.pages["/monitor/"] for run in (both.fast, both.faust))
    assert fast["streams"] == faust["streams"]
    assert fast["streams"]["values"] == 2 * EACH
    assert fast["streams"]["concurrency"] == 2 * EACH


def test_sent_records_are_counted(both: Both) -> None:
    """Changes of tables may be sent together, and Faust counts what it then refuses to send; all else is the same."""
    fast, faust = (run.pages["/monitor/"] for run in (both.fast, both.faust))
    assert _without_changelogs(fast["sent"]) == _without_changelogs(faust["sent"])
    assert fast["send_errors"] == faust["send_errors"] == 0
    assert fast["sent_total"] == sum(fast["sent"].values())
    changelogs = {topic for topic in faust["sent"] if topic.endswith("-changelog")}
    assert all(0 < fast["sent"][topic] <= faust["sent"][topic] for topic in changelogs)


def test_offsets_are_shown(both: Both, run: Run) -> None:
    """What the monitor shows as committed is what the group has, for all that was committed once."""
    shown = run.pages["/monitor/"]
    for name in ("values", "filter", "concurrency", "shared", "flow"):
        last = FLOW if name == "flow" else EACH
        assert run.committed[f"{both.inputs}-{name}", 0] == last
        assert shown["committed"][f"{name}[0]"] == last
        assert shown["read"][f"{name}[0]"] == last - 1
        assert shown["ends"][f"{name}[0]"] == last


def test_time_of_an_event_is_measured(run: Run) -> None:
    assert 0 < run.pages["/monitor/"]["runtime_avg"] < 1.0


def _without_changelogs(sent: dict[str, int]) -> dict[str, int]:
    return {topic: count for topic, count in sent.items() if not topic.endswith(("-changelog", "GROUP-never"))}
