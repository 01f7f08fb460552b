"""`up` starts a Kafka that outlives the command and keeps its data, `status` finds it, `down` ends it."""

import json
import os
from pathlib import Path

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from framework.exit_codes import ExitCode
from tests.support.kafka_command import KafkaCommand


def test_up_twice_status_and_down_twice(kafka: KafkaCommand) -> None:
    first = kafka.up()
    assert first.returncode == ExitCode.OK, first.stderr
    assert f"is up at 127.0.0.1:{kafka.port}" in first.stdout

    second = kafka.up("--json")
    assert second.returncode == ExitCode.OK
    document = json.loads(second.stdout)
    assert document["up"]
    assert document["bootstrap_servers"] == f"127.0.0.1:{kafka.port}"
    assert "up already" in kafka.up().stdout

    assert kafka("status").returncode == ExitCode.OK
    assert json.loads(kafka("status", "--json").stdout) == document

    [pid] = [node["pid"] for node in document["nodes"]]
    assert os.getsid(pid) != os.getsid(0)
    assert "is stopped" in kafka("down").stdout
    assert not Path(f"/proc/{pid}").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes()

    again = kafka("down")
    assert again.returncode == ExitCode.OK
    assert "was not up" in again.stdout
    assert kafka("status").returncode == ExitCode.CHECK_FAILED


def test_data_survives_and_purge_removes_it(kafka: KafkaCommand) -> None:
    address = f"127.0.0.1:{kafka.port}"
    assert kafka.up().returncode == ExitCode.OK
    producer = KafkaProducer(bootstrap_servers=address)
    # the topic is made by the first send
    producer.send("kept", b"word", partition=0).get(timeout=20)
    producer.close()
    assert kafka("down").returncode == ExitCode.OK

    assert kafka.up().returncode == ExitCode.OK
    consumer = KafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest", consumer_timeout_ms=20000)
    consumer.assign([TopicPartition("kept", 0)])
    assert next(consumer).value == b"word"
    consumer.close()

    assert kafka("down", "--purge").returncode == ExitCode.OK
    assert list(kafka.folder.iterdir()) == []
