"""Under more records than a worker can do heartbeats, probes, timers, pages, other agents and the stop are on time."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median, quantiles

import pytest

from framework.membership.roster import SEATS, topic_name
from framework.testing import eventually
from tests.support.both_paths import PATHS, Note, PathWorker, Starter
from tests.support.both_paths_broker import BrokerSide, Input

pytestmark = [pytest.mark.broker, pytest.mark.timed]

HOSE = 300_000
SECONDS = 3.0
LATE = 1.0
"""Seconds that anything may be late: two workers' worth of work and a broker share two cores."""

HELD = 0.1
"""Seconds of CPU time that the event loop may ever be held. Time on the clock would say how busy the machine is."""

USUALLY_HELD, MOSTLY_HELD = 0.012, 0.025
"""The same, half of the time and in 99 of 100 cases; delivery gives it back after 0.01."""

Hold = tuple[float, float]
"""How long the event loop was held: on the clock, and in CPU time."""

BUSY = 30
"""Agents that all have more records than they can do."""

LOOKS = 300
"""Holds that are waited for where few would make one odd one count."""

ENTRIES_APART = 1.0
"""Seconds between a seat's entries in the roster, as the settings have it."""


@dataclass(slots=True)
class Hosed:
    """What was seen in the first seconds of the firehose."""

    timers: list[Note] = field(default_factory=list)
    slow: int = 0
    latencies: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    probes: list[float] = field(default_factory=list)
    heartbeat_ages: list[float] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    entries: list[float] = field(default_factory=list)
    exit_code: int | None = None
    stop: float = 0.0
    committed: int = 0


@pytest.fixture(scope="module", params=PATHS)
def hosed(
    request: pytest.FixtureRequest, broker: BrokerSide, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hosed]:
    """One worker a path, watched for some seconds and stopped in the middle."""
    prefix = f"hose-{request.param}-{time.monotonic_ns()}"
    topics = {name: f"{prefix}-{name}" for name in ("hose", "slow", "quick")}
    broker.create(topics.values())
    broker.send({topics["slow"]: [Input(json.dumps({"n": n}).encode()) for n in range(500)]})
    broker.fill(topics["hose"], json.dumps({"n": 1, "text": "x" * 70}).encode(), HOSE)
    worker = PathWorker(
        "firehose",
        request.param,
        group_id=prefix,
        inputs=prefix,
        bootstrap_servers=broker.bootstrap_servers,
        folder=tmp_path_factory.mktemp("hose"),
        command="run",
    )
    try:
        yield _watch(worker, broker, topics)
    finally:
        worker.discard()


def _watch(worker: PathWorker, broker: BrokerSide, topics: dict[str, str]) -> Hosed:
    hosed = Hosed()
    eventually(lambda: worker.page("/count/")["count"] > 0, within=20.0)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        broker.send({topics["quick"]: [Input(b"1")]})
        asked = time.monotonic()
        health = worker.probe("/health")
        hosed.probes.append(time.monotonic() - asked if health.is_well else float("inf"))
        with suppress(ConnectionError):
            hosed.counts.append(worker.page("/count/")["count"])
        if (age := health.only_worker["heartbeat_age"]) is not None:
            hosed.heartbeat_ages.append(age)
        time.sleep(0.1)
    hosed.latencies = [note["latency"] for note in worker.notes("quick")]
    hosed.holds = worker.page("/holds/")["holds"]
    hosed.entries = _entries(broker, worker.group_id, SECONDS)
    hosed.slow = len(worker.notes("slow"))
    hosed.timers = [note for note in worker.notes("timer") if note["count"]]
    stopping = time.monotonic()
    hosed.exit_code = worker.stop()
    hosed.stop = time.monotonic() - stopping
    hosed.committed = broker.committed(worker.group_id).get((topics["hose"], 0), 0)
    return hosed


def _entries(broker: BrokerSide, group_id: str, seconds: float) -> list[float]:
    """When the only seat has written to the roster in the last seconds; its last entry before them, and now, too."""
    now = time.time()
    written = [each.timestamp / 1000 for each in broker.read(topic_name(group_id)) if each.partition == SEATS]
    return [max(at for at in written if at < now - seconds), *(at for at in written if at >= now - seconds), now]


def test_the_hose_runs_all_the_time(hosed: Hosed) -> None:
    assert hosed.counts[-1] > hosed.counts[0]
    assert hosed.counts[-1] > 10_000


def test_probes_answer(hosed: Hosed) -> None:
    assert max(hosed.probes) < LATE


def test_heartbeats_are_on_time(hosed: Hosed) -> None:
    assert hosed.heartbeat_ages
    assert max(hosed.heartbeat_ages) < 1.0 + 2 * LATE  # they are told once a second, and sent once a second


def test_timers_are_on_time(hosed: Hosed) -> None:
    assert max(after["at"] - before["at"] for before, after in pairwise(hosed.timers)) < 0.1 + LATE


def test_event_loop_is_let_go_of(hosed: Hosed) -> None:
    _assert_let_go_of(hosed.holds)
    assert max(cpu for _, cpu in hosed.holds) < HELD


def _assert_let_go_of(holds: list[Hold]) -> None:
    of_cpu = [cpu for _, cpu in holds]
    usually, mostly = median(of_cpu), quantiles(of_cpu, n=100)[98]
    assert usually < USUALLY_HELD
    assert mostly < MOSTLY_HELD


def test_roster_is_written_on_time(hosed: Hosed) -> None:
    assert max(after - before for before, after in pairwise(hosed.entries)) < ENTRIES_APART + LATE


def test_stop_is_on_time(hosed: Hosed) -> None:
    assert hosed.exit_code == 0
    assert hosed.stop < 5.0
    assert hosed.committed > 0


def test_slow_agent_goes_on_beside_it(hosed: Hosed) -> None:
    assert hosed.slow >= SECONDS / 0.05 / 3


def test_records_of_another_topic_do_not_wait(hosed: Hosed) -> None:
    assert len(hosed.latencies) >= 5
    assert max(hosed.latencies) < 2 * LATE


def test_slow_agent_with_a_backlog_starves_nobody(start: Starter, broker: BrokerSide) -> None:
    """Only on the fast path: Faust's delivery waits for room in the fullest queue."""
    prefix = start.prefix
    topics = {name: f"{prefix}-{name}" for name in ("hose", "slow", "quick")}
    broker.create(topics.values())
    broker.send({topics["slow"]: [Input(json.dumps({"n": n}).encode()) for n in range(2000)]})
    worker = start("firehose", "fast", environment={"FRAMEWORK_MAX_IN_FLIGHT": "20"})
    worker.noted("slow", 20)
    broker.send({topics["quick"]: [Input(b"%d" % n) for n in range(200)]})
    worker.noted("quick", 200, within=5.0)
    assert len(worker.notes("slow")) < 200
    assert worker.stop() == 0


def test_many_busy_agents_let_go_of_the_event_loop(start: Starter, broker: BrokerSide) -> None:
    """Only on the fast path; on Faust's each record of each agent is a pass of the event loop of its own."""
    topics = {name: f"{start.prefix}-{name}" for name in ("hose", "slow", "quick")}
    broker.create(topics.values())
    broker.fill(topics["hose"], json.dumps({"n": 1, "text": "x" * 70}).encode(), HOSE // BUSY * 2)
    worker = start("firehose", "fast", environment={"BOTH_BUSY": str(BUSY)})
    eventually(lambda: worker.page("/count/")["count"] > BUSY * 1000, within=20.0)
    broker.send({topics["quick"]: [Input(b"%d" % n) for n in range(10)]})
    latencies = [note["latency"] for note in worker.noted("quick", 10)]
    assert max(latencies) < LATE
    eventually(lambda: len(worker.page("/holds/")["holds"]) >= LOOKS, within=30.0)
    _assert_let_go_of(worker.page("/holds/")["holds"])
    assert worker.stop() == 0
