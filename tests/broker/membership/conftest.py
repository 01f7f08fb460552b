"""Rosters named after their test."""

from collections.abc import Iterator

import pytest

from framework.localkafka import LocalKafka
from framework.testing import Broker
from tests.support.roster import Roster


@pytest.fixture
def roster(kafka_broker: Broker, unique_name: str) -> Iterator[Roster]:
    """The roster of a group that is named after the test."""
    roster = Roster(kafka_broker.bootstrap_servers, unique_name)
    yield roster
    roster.close()


@pytest.fixture
def strict_roster(strict_kafka: LocalKafka, unique_name: str) -> Iterator[Roster]:
    """The same at `strict_kafka`."""
    roster = Roster(strict_kafka.bootstrap_servers, unique_name)
    yield roster
    roster.close()
