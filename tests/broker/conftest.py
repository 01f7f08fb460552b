"""What broker tests share: a broker that creates topics by itself and obeys ACLs, and rigs named after the test."""

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from framework.localkafka import LocalKafka
from framework.testing import Broker, require_kafka, topic_stem
from tests.support.proxied_kafka import ProxiedKafka, proxied_kafka
from tests.support.scenario import Plan, Rig, Scenario

STRICT: Mapping[str, str] = {
    "log.cleaner.enable": "false",
    "auto.create.topics.enable": "true",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
}


LONG = ("scenarios", "fencing", "takeover")
"""Folders of tests in which processes are killed and waited for."""

LONGEST = 240
"""Seconds for one of them: on a busy machine the drain and the waits add up."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give those more time than other tests get, and let them be told from others."""
    here = Path(__file__).parent
    for item in items:
        if any(item.path.is_relative_to(here / folder) for folder in LONG):
            item.add_marker(pytest.mark.timeout(LONGEST))
            item.add_marker(pytest.mark.timed)


@pytest.fixture(scope="session")
def strict_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A broker with ACLs that creates topics by itself."""
    require_kafka()
    with LocalKafka.start(data=tmp_path_factory.mktemp("strict"), properties=STRICT) as kafka:
        yield kafka


@pytest.fixture(scope="session")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxiedKafka]:
    """A broker of its own for scenarios that come between it and its clients."""
    require_kafka()
    with proxied_kafka(tmp_path_factory.mktemp("proxied-kafka")) as kafka:
        yield kafka


@pytest.fixture
def unique_name(request: pytest.FixtureRequest) -> str:
    """A name after this test that nothing had before: for a group, and the first part of its topics' names."""
    return f"{topic_stem(request.node.name)[:80]}-{uuid.uuid4().hex[:6]}"


@pytest.fixture
def proxied_rig(proxied: ProxiedKafka, tmp_path: Path, unique_name: str) -> Rig:
    """As `rig`; the workers reach their broker through the proxy, load and ledger go around it."""

    def make(environment: Mapping[str, str] | None = None, **plan: Any) -> Scenario:
        through = {"FRAMEWORK_BOOTSTRAP_SERVERS": proxied.proxy.bootstrap_servers, **(environment or {})}
        return Scenario(unique_name, proxied.bootstrap_servers, tmp_path, Plan(environment=through, **plan))

    return make


@pytest.fixture
def rig(kafka_broker: Broker, tmp_path: Path, unique_name: str) -> Rig:
    """Makes the scenario of this test; takes the fields of `Plan`."""

    def make(**plan: Any) -> Scenario:
        return Scenario(unique_name, kafka_broker.bootstrap_servers, tmp_path, Plan(**plan))

    return make


@pytest.fixture
def strict_rig(strict_kafka: LocalKafka, tmp_path: Path, unique_name: str) -> Rig:
    """As `rig`, on a broker that obeys ACLs."""

    def make(**plan: Any) -> Scenario:
        return Scenario(unique_name, strict_kafka.bootstrap_servers, tmp_path, Plan(**plan))

    return make
