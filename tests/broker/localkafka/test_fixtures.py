"""The fixtures of the plugin give a broker, topics named after the test, and worker processes."""

import signal
from pathlib import Path

from kafka.admin import KafkaAdminClient

from framework.exit_codes import ExitCode
from framework.testing import Broker, TopicFactory, WorkerFactory


def test_topic_is_named_after_the_test(kafka_broker: Broker, kafka_topic: TopicFactory) -> None:
    topic = kafka_topic("in", partitions=3)
    assert topic.startswith("test-topic-is-named-after-the-test-in-")
    admin = KafkaAdminClient(bootstrap_servers=kafka_broker.bootstrap_servers)
    [found] = admin.describe_topics([topic])
    admin.close()
    assert len(found["partitions"]) == 3


def test_worker_has_an_exit_code_and_output(worker: WorkerFactory) -> None:
    process = worker("no_such_module:app")
    assert process.wait(within=30.0) == ExitCode.APP_NOT_FOUND
    assert "no_such_module" in process.output()


def test_paused_worker_can_be_killed(worker: WorkerFactory, tmp_path: Path) -> None:
    process = worker("no_such_module:app", command="run")
    process.pause()
    assert process.exit_code is None
    process.kill()
    assert process.wait(within=5.0) == -signal.SIGKILL
    assert process.log.parent == tmp_path
