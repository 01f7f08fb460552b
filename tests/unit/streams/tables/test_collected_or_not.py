"""Tables whose changes are not collected say so once, and why."""

from typing import Any

import faust
import pytest
from faust.tables.sets import SetTable as FaustSetTable
from structlog.testing import capture_logs

from framework.streams.tables import collected
from framework.streams.tables.collections import Table
from tests.unit.streams.fakes import run
from tests.unit.streams.tabled import Process


class OwnTable(Table):
    def on_key_get(self, key: Any) -> None:
        """Told of each look at a key."""


class OwnSchema(faust.Schema):
    pass


def own_class(process: Process) -> None:
    process.table.__class__ = OwnTable


def own_changelog(process: Process) -> None:
    process.table.changelog_topic = process.app.topic("x", schema=OwnSchema())


def without_headers(process: Process) -> None:
    process.app._producer.allow_headers = False


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        (own_class, collected.STORE),
        (own_changelog, collected.CHANGELOG),
        (without_headers, collected.HEADERS),
    ],
)
def test_why_a_table_is_not_collected_is_said_once(prepare: Any, why: str) -> None:
    async def scenario() -> None:
        process = Process(is_fast=True)
        prepare(process)
        with capture_logs() as lines:
            process.process(0, [("a", 1), ("b", 1)])
        assert len(process.sent) == 2
        assert [(line["why"], line["where"]) for line in lines] == [(why, "totals")]

    run(scenario)


@pytest.mark.parametrize("is_fast", [False, True])
def test_nothing_is_said_of_others(is_fast: bool) -> None:
    """Neither of a table that is collected, nor where nothing goes the fast way: that is said of everything."""

    async def scenario() -> None:
        process = Process(is_fast=is_fast)
        if not is_fast:
            own_class(process)
        with capture_logs() as lines:
            process.process(0, [("a", 1)])
        assert lines == []

    run(scenario)


@pytest.mark.parametrize("kind", ["SetTable", "SetGlobalTable"])
def test_tables_of_sets_say_so_when_they_start(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def begin(table: Any) -> None:
        """Faust's start makes topics."""

    async def scenario() -> None:
        monkeypatch.setattr(FaustSetTable, "on_start", begin)
        process = Process(is_fast=True, kind=kind)
        with capture_logs() as lines:
            await process.table.on_start()
        assert [(line["why"], line["where"]) for line in lines] == [
            ("each change of a table of sets is sent by itself", "totals")
        ]

    run(scenario)
