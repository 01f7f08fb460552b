"""One worker a path over the same inputs, run once for all tests that compare; and single workers for the others."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from framework.testing import Broker, topic_stem
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
def start(broker: BrokerSide, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Starter]:
    """Starts workers; ends them afterwards, and shows their logs where the test failed."""
    prefix = f"{topic_stem(request.node.name)[:80]}-{uuid.uuid4().hex[:6]}"
    starter = Starter(prefix, broker.bootstrap_servers, tmp_path)
    yield starter
    for worker in starter.started:
        worker.discard()
        request.node.add_report_section("call", f"{worker.label} ({worker.path})", worker.log[-8000:])
