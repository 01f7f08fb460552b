"""Rosters named after their test; and a broker that creates topics by itself and obeys ACLs."""

from collections.abc import Iterator, Mapping
from uuid import uuid4

import pytest

from framework.localkafka import LocalKafka
from framework.testing import Broker, require_kafka, topic_stem
from tests.support.roster import Roster

STRICT: Mapping[str, str] = {
    "log.cleaner.enable": "false",
    "auto.create.topics.enable": "true",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
}


def roster_of(broker: Broker, request: pytest.FixtureRequest) -> Roster:
    return Roster(broker.bootstrap_servers, f"{topic_stem(request.node.name)}-{uuid4().hex[:6]}")


@pytest.fixture
def roster(kafka_broker: Broker, request: pytest.FixtureRequest) -> Iterator[Roster]:
    """The roster of a group that is named after the test."""
    roster = roster_of(kafka_broker, request)
    yield roster
    roster.close()


@pytest.fixture(scope="session")
def strict_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A broker with ACLs that creates topics by itself."""
    require_kafka()
    with LocalKafka.start(data=tmp_path_factory.mktemp("strict"), properties=STRICT) as kafka:
        yield kafka


@pytest.fixture
def strict_roster(strict_kafka: LocalKafka, request: pytest.FixtureRequest) -> Iterator[Roster]:
    """The same at `strict_kafka`."""
    roster = roster_of(strict_kafka, request)
    yield roster
    roster.close()
