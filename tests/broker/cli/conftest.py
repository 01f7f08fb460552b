"""What the tests of the group commands share: a group of members that behave like workers, and an operator."""

from collections.abc import Iterator

import pytest

from framework.testing import Broker, TopicFactory
from tests.support.crew import Crew
from tests.support.operator import Operator


@pytest.fixture
def crew(kafka_broker: Broker, kafka_topic: TopicFactory) -> Iterator[Crew]:
    """An empty crew over a topic of eight partitions, its group named after the test."""
    topic = kafka_topic()
    with Crew(kafka_broker.bootstrap_servers, f"{topic}-group", topic) as crew:
        yield crew


@pytest.fixture
def operator(crew: Crew) -> Operator:
    """Somebody who looks after the crew."""
    return Operator(crew.bootstrap_servers, crew.group_id)
