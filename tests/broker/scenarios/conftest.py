"""What scenarios share: a rig named after the test, on the broker of the session."""

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from framework.localkafka import LocalKafka
from framework.testing import Broker, require_kafka, topic_stem
from tests.support.proxied_kafka import ProxiedKafka, proxied_kafka
from tests.support.scenario import Plan, Rig, Scenario

LONGEST = 240
"""Seconds for one scenario: on a busy machine the drain and the waits add up."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give scenarios more time than other tests get."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.timeout(LONGEST))


@pytest.fixture(scope="session")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxiedKafka]:
    """A broker of its own for scenarios that come between it and its clients."""
    require_kafka()
    with proxied_kafka(tmp_path_factory.mktemp("proxied-kafka")) as kafka:
        yield kafka


@pytest.fixture
def proxied_rig(proxied: ProxiedKafka, tmp_path: Path, request: pytest.FixtureRequest) -> Rig:
    """As `rig`; the workers reach their broker through the proxy, load and ledger go around it."""

    def make(environment: Mapping[str, str] | None = None, **plan: Any) -> Scenario:
        through = {"FRAMEWORK_BOOTSTRAP_SERVERS": proxied.proxy.bootstrap_servers, **(environment or {})}
        return Scenario(_name(request), proxied.bootstrap_servers, tmp_path, Plan(environment=through, **plan))

    return make


@pytest.fixture
def rig(kafka_broker: Broker, tmp_path: Path, request: pytest.FixtureRequest) -> Rig:
    """Makes the scenario of this test; takes the fields of `Plan`."""

    def make(**plan: Any) -> Scenario:
        return Scenario(_name(request), kafka_broker.bootstrap_servers, tmp_path, Plan(**plan))

    return make


@pytest.fixture
def strict_rig(strict_kafka: LocalKafka, tmp_path: Path, request: pytest.FixtureRequest) -> Rig:
    """As `rig`, on a broker that obeys ACLs."""

    def make(**plan: Any) -> Scenario:
        return Scenario(_name(request), strict_kafka.bootstrap_servers, tmp_path, Plan(**plan))

    return make


def _name(request: pytest.FixtureRequest) -> str:
    return f"{topic_stem(request.node.name)}-{uuid.uuid4().hex[:6]}"
