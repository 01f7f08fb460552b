"""A command in a folder of its own; it needs Java, and follows the same rule as `kafka_broker` where there is none."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from framework.testing import require_kafka
from tests.support.kafka_command import KafkaCommand


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[KafkaCommand]:
    """`framework kafka`; what it left running is stopped."""
    require_kafka()
    command = KafkaCommand(tmp_path)
    yield command
    command("down", "--purge")
