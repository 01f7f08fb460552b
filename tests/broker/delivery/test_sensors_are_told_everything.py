"""A sensor of the app is told of each record, and what Prometheus is shown is right."""

from urllib.request import urlopen

import pytest

from framework.testing import eventually
from tests.support.both_paths import PathWorker, Starter
from tests.support.both_paths_broker import BrokerSide
from tests.support.both_paths_inputs import EACH, numbered
from tests.support.both_paths_log import not_fast

pytestmark = pytest.mark.broker

ALL = 2 * EACH


def begin(path: str, start: Starter, broker: BrokerSide, sensor: str) -> PathWorker:
    """Start the app, and wait until it has done and committed everything."""
    topic, copies = (f"{start.prefix}-{name}" for name in ("sensed", "copies"))
    broker.create([topic, copies])
    broker.send({topic: numbered()})
    environment = {"BOTH_SENSOR": sensor, "FRAMEWORK_COMMIT_INTERVAL": "0.1"}
    worker = start("sensed", path, environment=environment)
    whole = {(topic, 0): EACH, (topic, 1): EACH}
    eventually(lambda: broker.committed(worker.group_id).items() >= whole.items(), within=15.0)
    return worker


def test_sensor_of_the_app(path: str, start: Starter, broker: BrokerSide) -> None:
    worker = begin(path, start, broker, "own")
    calls = worker.page("/calls/")
    kinds = ("message_in", "message_out", "event_in", "event_out", "table_get", "table_set")
    assert {kind: calls.get(kind, 0) for kind in kinds} == dict.fromkeys(kinds, ALL)
    assert calls["send_initiated"] == calls["send_completed"] == ALL
    assert list(not_fast(worker.log).values()) == [1]


def test_prometheus(path: str, start: Starter, broker: BrokerSide) -> None:
    worker = begin(path, start, broker, "prometheus")
    topic = f"{start.prefix}-sensed"
    expected = {
        "p_messages_received_total": ALL,
        "p_active_messages": 0,
        f'p_messages_received_per_topic_total{{topic="{topic}"}}': ALL,
        f'p_messages_received_per_topics_partition{{partition="0",topic="{topic}"}}': EACH - 1,  # the last offset
        "p_events_runtime_ms_count": ALL,
        "p_total_events_total": ALL,
        "p_total_active_events": 0,
        f'p_total_events_per_stream_total{{stream="stream.topic_{topic}.events"}}': ALL,
        'p_table_operations_total{operation="keys_retrieved",table="table.counts"}': ALL,
        'p_table_operations_total{operation="keys_updated",table="table.counts"}': ALL,
        f'p_topic_messages_sent_total{{topic="topic.{start.prefix}-copies"}}': ALL,
        "p_total_error_messages_sent_total": 0,
        f'p_topic_partition_end_offset{{partition="0",topic="{topic}"}}': EACH,
        f'p_topic_partition_offset_commited{{partition="0",topic="{topic}"}}': EACH,
    }

    def is_shown() -> bool:
        """The broker has a commit before the worker has its answer, and only then are the sensors told."""
        found = shown(worker)
        assert {name: found.get(name) for name in expected} == expected
        return True

    eventually(is_shown)


def shown(worker: PathWorker) -> dict[str, float]:
    with urlopen(worker.page_url("/metrics/")) as answer:
        lines = [line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}
