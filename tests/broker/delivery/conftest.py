"""One worker a path over the same inputs, run once for all tests that compare; and single workers for the others."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from framework.localkafka import LocalKafka
from framework.testing import Broker, require_kafka, shown_on_failure
from tests.support.both_paths import PATHS, Starter
from tests.support.both_paths_broker import BrokerSide
from tests.support.both_paths_runs import Both, run_both


@pytest.fixture(scope="session")
def broker(kafka_broker: Broker) -> Iterator[BrokerSide]:
    """What tests do with the brokers themselves."""
    with BrokerSide(kafka_broker.bootstrap_servers) as side:
        yield side


@pytest.fixture(scope="session")
def both(broker: BrokerSide, tmp_path_factory: pytest.TempPathFactory) -> Both:
    """All features on both paths."""
    return run_both(broker, tmp_path_factory.mktemp("features"))


@pytest.fixture(params=PATHS)
def path(request: pytest.FixtureRequest) -> str:
    """Each of the two paths."""
    return str(request.param)


@pytest.fixture
def start(broker: BrokerSide, tmp_path: Path, unique_name: str, request: pytest.FixtureRequest) -> Iterator[Starter]:
    """Starts workers; ends them afterwards, and shows their logs where the test failed."""
    starter = Starter(unique_name, broker.bootstrap_servers, tmp_path, shown_on_failure(request.node))
    yield starter
    starter.discard()


CLEANING = {"log.cleaner.backoff.ms": "100", "log.cleaner.dedupe.buffer.size": "4194304"}
"""Looks for what can be compacted ten times a second; with as much memory as a few keys need."""


@pytest.fixture(scope="session")
def disk_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A broker whose files a test may look into, and which compacts its logs."""
    require_kafka()
    with LocalKafka.start(data=tmp_path_factory.mktemp("disk"), properties=CLEANING) as kafka:
        yield kafka


@pytest.fixture(scope="session")
def disk_broker(disk_kafka: LocalKafka) -> Iterator[BrokerSide]:
    """What tests do with that one."""
    with BrokerSide(disk_kafka.bootstrap_servers) as side:
        yield side


@pytest.fixture
def start_on_disk(
    disk_broker: BrokerSide, tmp_path: Path, unique_name: str, request: pytest.FixtureRequest
) -> Iterator[Starter]:
    """As `start`, with that broker."""
    starter = Starter(unique_name, disk_broker.bootstrap_servers, tmp_path, shown_on_failure(request.node))
    yield starter
    starter.discard()
