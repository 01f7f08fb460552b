"""When all is done nothing counts as active, and the totals are Faust's, however loops take their records."""

from urllib.request import urlopen

import pytest

from framework.testing import eventually
from tests.support.both_paths import PATHS, PathWorker, Starter
from tests.support.both_paths_broker import BrokerSide, Input
from tests.support.both_paths_inputs import EACH, numbered

pytestmark = pytest.mark.broker

NAMES = ("by-hand", "lists", "filtered", "twice", "bad", "failing", "bodies")
GAUGES = ("p_active_messages", "p_total_active_events")
SUMS = ("p_messages_received_total", "p_total_events_total")
TOTALS = (
    "p_messages_received_per_topic_total",
    "p_messages_received_per_topics_partition",
    "p_total_events_per_stream_total",
)


def metrics(worker: PathWorker) -> dict[str, float]:
    """`{name with labels: value}`; names of topics without what differs between the paths."""
    with urlopen(worker.page_url("/metrics/")) as answer:
        lines = [line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def totals(shown: dict[str, float], *, but: str) -> dict[str, float]:
    """What is counted up for each topic, but one."""
    return {
        name: value
        for name, value in shown.items()
        if name.startswith(tuple(f"{total}{{" for total in TOTALS)) and f"{but}" not in name
    }


def test_counters_are_right_at_rest(start: Starter, broker: BrokerSide) -> None:
    """The topic whose body fails is counted by the try; Faust has none."""
    prefix = start.prefix
    topics = {name: f"{prefix}-{name}" for name in NAMES}
    broker.create(topics.values(), partitions=1)
    inputs = {topic: numbered(partitions=1) for topic in topics.values()}
    inputs[topics["bad"]] = tuple(Input(b"{no json" if n == 4 else b"%d" % n) for n in range(EACH))
    broker.send(inputs)
    environment = {"FRAMEWORK_COMMIT_INTERVAL": "0.1", "FRAMEWORK_TOPIC_PARTITIONS": "1"}
    workers = {
        path: start("gauged", path, group_id=f"{prefix}-{path}", label=path, environment=environment) for path in PATHS
    }
    whole = {(topic, 0): EACH for topic in topics.values()}
    shown = {}
    for path, worker in workers.items():
        eventually(lambda worker=worker: broker.committed(worker.group_id).items() >= whole.items(), within=20.0)
        shown[path] = metrics(worker)
        assert {name: shown[path][name] for name in GAUGES} == dict.fromkeys(GAUGES, 0), path
    fast, faust = (totals(shown[path], but=topics["failing"]) for path in PATHS)
    assert fast == faust
    assert len(fast) >= len(NAMES) * 2
    of_failing = f'p_messages_received_per_topic_total{{topic="{topics["failing"]}"}}'
    assert {name: shown["fast"][name] - shown["faust"][name] for name in (of_failing, *SUMS)} == dict.fromkeys(
        (of_failing, *SUMS), 1
    )
