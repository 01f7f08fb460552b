"""A start that fails says why in a paragraph, ends with its own exit code, and leaves no folder but logs."""

import socket

from framework.exit_codes import ExitCode
from tests.support.kafka_command import KafkaCommand


def test_taken_port(kafka: KafkaCommand) -> None:
    with socket.create_server(("127.0.0.1", kafka.port)):
        failed = kafka.up()
    assert failed.returncode == ExitCode.PORT_TAKEN
    assert f"Port {kafka.port} is in use" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert list(kafka.folder.iterdir()) == []


def test_missing_java(kafka: KafkaCommand) -> None:
    failed = kafka.up(PATH="/nowhere", JAVA_HOME="", KAFKA_HOME="")
    assert failed.returncode == ExitCode.JAVA_MISSING
    assert "apt install openjdk-17-jre-headless maven" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert list(kafka.folder.iterdir()) == []


def test_property_that_formatting_refuses(kafka: KafkaCommand) -> None:
    failed = kafka.up("--property", "socket.request.max.bytes=-1")
    assert failed.returncode == ExitCode.LOCAL_KAFKA_FAILED
    assert "socket.request.max.bytes" in failed.stderr
    assert list(kafka.folder.iterdir()) == []


def test_node_that_ends_at_its_start_leaves_its_log(kafka: KafkaCommand) -> None:
    failed = kafka.up("--property", "metric.reporters=no.such.Reporter")
    assert failed.returncode == ExitCode.LOCAL_KAFKA_FAILED
    log = kafka.folder / ".kafka" / "logs" / "node-1.log"
    assert str(log) in failed.stderr
    assert "no.such.Reporter" in log.read_text()
    assert sorted(kafka.folder.rglob("*")) == [log.parent.parent, log.parent, log]
    assert kafka.up().returncode == ExitCode.OK


def test_other_number_of_nodes_than_the_data(kafka: KafkaCommand) -> None:
    assert kafka.up().returncode == ExitCode.OK
    kafka("down")
    failed = kafka.up("--nodes", "3")
    assert failed.returncode == ExitCode.LOCAL_KAFKA_FAILED
    assert "--nodes 1" in failed.stderr
