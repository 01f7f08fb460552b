"""Rosters named after their test."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from framework.localkafka import LocalKafka
from framework.testing import Broker, topic_stem
from tests.support.roster import Roster


def roster_of(broker: Broker, request: pytest.FixtureRequest) -> Roster:
    return Roster(broker.bootstrap_servers, f"{topic_stem(request.node.name)}-{uuid4().hex[:6]}")


@pytest.fixture
def roster(kafka_broker: Broker, request: pytest.FixtureRequest) -> Iterator[Roster]:
    """The roster of a group that is named after the test."""
    roster = roster_of(kafka_broker, request)
    yield roster
    roster.close()


@pytest.fixture
def strict_roster(strict_kafka: LocalKafka, request: pytest.FixtureRequest) -> Iterator[Roster]:
    """The same at `strict_kafka`."""
    roster = roster_of(strict_kafka, request)
    yield roster
    roster.close()
