"""Standby groups named after their test, whose changelogs are there already."""

from pathlib import Path

import pytest

from framework.testing import Broker
from tests.support.shadows import Shadows
from tests.support.tables_app import PARTITIONS
from tests.support.topics import create_topics

TABLES = ("totals", "accounts", "windows", "tags", "rates")


@pytest.fixture
def shadows(kafka_broker: Broker, unique_name: str, tmp_path: Path) -> Shadows:
    """Shadows of a group that nobody is in; its changelogs and its roster are empty."""
    group_id, servers = unique_name, kafka_broker.bootstrap_servers
    changelogs = {f"{group_id}-{table}-changelog": PARTITIONS for table in TABLES}
    create_topics(servers, {**changelogs, f"{group_id}-in": PARTITIONS, f"{group_id}-roster": 2})
    return Shadows(servers, group_id, tmp_path)
