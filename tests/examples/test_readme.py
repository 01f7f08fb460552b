"""The app in the README runs as it stands there."""

import json
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from framework.testing import Broker, eventually
from framework.testing_worker import WorkerFactory

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"

pytestmark = pytest.mark.broker


def test_the_app_of_the_readme_counts(worker: WorkerFactory, kafka_broker: Broker, tmp_path: Path) -> None:
    """Its code is copied from the page, not retyped."""
    (tmp_path / "orders.py").write_text(README.read_text().split("```python\n")[1].split("```")[0])
    admin = KafkaAdminClient(bootstrap_servers=kafka_broker.bootstrap_servers)
    admin.create_topics([NewTopic("orders", 8, 1)])
    admin.close()
    worker.root = tmp_path
    started = worker("orders:app", command="run", environment={"FRAMEWORK_ORDINAL": "0", "PYTHONPATH": str(ROOT)})
    eventually(lambda: '"running"' in started.output(), within=30.0)

    producer = KafkaProducer(bootstrap_servers=kafka_broker.bootstrap_servers)
    for amount in (1, 2, 39):
        producer.send("orders", key=b"ada", value=json.dumps({"amount": amount}).encode())
    producer.close()

    assert eventually(lambda: last_total(kafka_broker, "ada") == 42, within=30.0)
    started.terminate()
    assert started.wait(within=30.0) == 0


def last_total(broker: Broker, customer: str) -> int | None:
    """The newest value of a customer in the table's changelog."""
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap_servers, enable_auto_commit=False)
    try:
        topic = "orders-totals-changelog"
        partitions = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(partitions)
        found = None
        while any(consumer.position(tp) < end for tp, end in ends.items()):
            for records in consumer.poll(timeout_ms=200).values():
                for record in records:
                    if customer.encode() in record.key:
                        found = json.loads(record.value)
        return found
    finally:
        consumer.close()
