"""The changelog of a table of sets is made with settings under which no change of a set is lost."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.protocol.admin import CreateTopicsRequest

from framework import App
from tests.unit.membership.apps import offline_app
from tests.unit.streams.fakes import run

KINDS = ["SetTable", "SetGlobalTable"]
HOUR = 3600.0


class FakeClient:
    """A fake of the producer's client, in front of a broker without topics: keeps with which settings one is made.

    Attributes:
        made: `{topic: its settings}`.
    """

    def __init__(self) -> None:
        self.made: dict[str, dict[str, str]] = {}
        self.cluster = SimpleNamespace(topics=set, brokers=lambda: [SimpleNamespace(nodeId=0)])

    async def send(self, node_id: int, request: Any) -> Any:
        if not isinstance(request, CreateTopicsRequest):
            return SimpleNamespace(controller_id=node_id)
        [(name, *_, configs)] = request.create_topic_requests
        self.made[name] = dict(configs)
        return SimpleNamespace(topic_errors=[(name, 0, "")])

    async def force_metadata_update(self) -> bool:
        return True


async def settings_of(app: App, table: Any) -> dict[str, str]:
    """The settings that the table's changelog would be made with."""
    client = FakeClient()
    producer: Any = app.producer
    producer._producer = SimpleNamespace(client=client)

    async def started() -> Any:
        return producer

    app.maybe_start_producer = started  # type: ignore[method-assign]
    await table.changelog_topic.declare()
    [(name, settings)] = client.made.items()
    assert name == "flights-seen-changelog"
    return {name: str(value) for name, value in settings.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_deleted(kind: str) -> None:
    async def scenario() -> None:
        app = offline_app()
        table = getattr(app, kind)("seen")
        assert await settings_of(app, table) == {"cleanup.policy": "delete", "retention.ms": "-1"}

    run(scenario)


@pytest.mark.parametrize("kind", KINDS)
def test_with_a_window_all_of_its_time_is_kept(kind: str) -> None:
    async def scenario() -> None:
        app = offline_app()
        windowed = getattr(app, kind)("seen").hopping(60.0, 30.0, expires=HOUR)
        assert await settings_of(app, windowed.table) == {"cleanup.policy": "delete", "retention.ms": "3600000"}

    run(scenario)


@pytest.mark.parametrize("kind", KINDS)
def test_with_a_window_that_is_kept_for_ever_nothing_is_deleted(kind: str) -> None:
    async def scenario() -> None:
        app = offline_app()
        windowed = getattr(app, kind)("seen").tumbling(60.0)
        assert await settings_of(app, windowed.table) == {"cleanup.policy": "delete", "retention.ms": "-1"}

    run(scenario)


def test_what_the_user_sets_counts_first() -> None:
    async def scenario() -> None:
        app = offline_app()
        table = app.SetTable("seen", extra_topic_configs={"retention.ms": "5000", "min.insync.replicas": "2"})
        assert await settings_of(app, table) == {
            "cleanup.policy": "delete",
            "retention.ms": "5000",
            "min.insync.replicas": "2",
        }

    run(scenario)


def test_other_tables_are_compacted_as_before() -> None:
    async def scenario() -> None:
        app = offline_app()
        assert await settings_of(app, app.Table("seen")) == {"cleanup.policy": "compact"}

    run(scenario)
