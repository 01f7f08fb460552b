"""What scenarios share: a rig named after the test, on the broker of the session."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from framework.testing import Broker, topic_stem
from tests.support.scenario import Plan, Rig, Scenario

LONGEST = 240
"""Seconds for one scenario: on a busy machine the drain and the waits add up."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give scenarios more time than other tests get."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.timeout(LONGEST))


@pytest.fixture
def rig(kafka_broker: Broker, tmp_path: Path, request: pytest.FixtureRequest) -> Rig:
    """Makes the scenario of this test; takes the fields of `Plan`."""

    def make(**plan: Any) -> Scenario:
        name = f"{topic_stem(request.node.name)}-{uuid.uuid4().hex[:6]}"
        return Scenario(name, kafka_broker.bootstrap_servers, tmp_path, Plan(**plan))

    return make
