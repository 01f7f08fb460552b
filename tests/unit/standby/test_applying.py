"""Tables of a real app that is not started take records in as Faust's recovery would, and give them back."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord
from faust.types import TP

from framework import App, Settings
from framework.standby.applying import Applier


def new_app(folder: Path, store: str = "memory://") -> App:
    app = App("g", settings=Settings.load(environ={}, env_file=None, store=store, instance_id="s-0", datadir=folder))
    app.bind()
    app.Table("totals", default=int, partitions=2)
    app.SetTable("tags", partitions=2)
    app.GlobalTable("rates", partitions=1)
    return app


def record(table: str, offset: int, key: Any, value: Any, partition: int = 0) -> ConsumerRecord:
    raw = [
        each if isinstance(each, bytes) else None if each is None else json.dumps(each).encode()
        for each in (key, value)
    ]
    return ConsumerRecord(
        f"g-{table}-changelog", partition, offset, 1_700_000_000_000, 0, raw[0], raw[1], None, 1, 1, ()
    )


def apply(
    app: App, table: str, *changes: tuple[Any, Any], partition: int = 0, applier: Applier | None = None
) -> Applier:
    applier = applier or Applier(app)
    records = [record(table, offset, key, value, partition) for offset, (key, value) in enumerate(changes)]
    asyncio.run(applier.apply(TP(f"g-{table}-changelog", partition), records))
    return applier


TOTALS, TAGS = TP("g-totals-changelog", 0), TP("g-tags-changelog", 0)


def test_changes_are_applied_in_order(tmp_path: Path) -> None:
    app = new_app(tmp_path)
    applier = apply(app, "totals", ("a", 1), ("b", 2), ("a", 3), ("b", None))
    assert dict(app.tables["totals"].data) == {"a": 3}
    assert app.tables.applied == {TOTALS: 3}
    assert applier.problems == {}
    assert applier.changelogs == {"g-totals-changelog", "g-tags-changelog", "g-rates-changelog"}
    assert applier.global_changelogs == {"g-rates-changelog"}


@pytest.mark.parametrize("value", [0, "", False, [], 7])
def test_key_that_is_set_again_after_its_deletion_is_there(tmp_path: Path, value: Any) -> None:
    app = new_app(tmp_path)
    apply(app, "totals", ("a", 1), ("a", None), ("a", value))
    assert dict(app.tables["totals"].data) == {"a": value}


def test_undecodable_record_is_left_out_and_told_once(tmp_path: Path) -> None:
    app = new_app(tmp_path)
    applier = apply(app, "totals", ("a", 1), (b"{", 2), ("c", b"{"), ("d", 4))
    assert dict(app.tables["totals"].data) == {"a": 1, "d": 4}
    assert app.tables.applied == {TOTALS: 3}, "it goes on behind them"
    assert applier.problems[TOTALS].startswith("g-totals-changelog[0]@1 cannot be applied: ")


def test_record_that_the_table_refuses_spoils_no_other(tmp_path: Path) -> None:
    app = new_app(tmp_path)
    applier = apply(app, "tags", ([1, "k"], "red"), ([99, "k"], "blue"), ([1, "k"], "green"))
    assert app.tables["tags"].data["k"].data == {"red", "green"}
    assert "g-tags-changelog[0]@1 cannot be applied" in applier.problems[TAGS]


def test_callback_of_the_app_is_called_and_may_fail(tmp_path: Path) -> None:
    app = new_app(tmp_path)
    seen = []

    async def callback(event: Any) -> None:
        seen.append(event.key)
        if event.key == "b":
            raise ValueError("of the app")

    app.tables["totals"]._on_changelog_event = callback
    applier = apply(app, "totals", ("a", 1), ("b", 2), ("c", 3))
    assert seen == ["a", "b", "c"]
    assert "of the app" in applier.problems[TOTALS]


class TestForgetting:
    @pytest.mark.parametrize("table", ["totals", "tags"])
    def test_keys_of_a_partition_go_and_others_stay(self, tmp_path: Path, table: str) -> None:
        app = new_app(tmp_path)
        key = (lambda name: [1, name]) if table == "tags" else (lambda name: name)
        applier = apply(app, table, (key("a"), 1), (key("b"), 1))
        apply(app, table, (key("c"), 1), partition=1, applier=applier)
        gone, stays = TP(f"g-{table}-changelog", 0), TP(f"g-{table}-changelog", 1)
        asyncio.run(applier.forget([gone], [stays]))
        assert list(app.tables[table].data.data) == ["c"]
        assert app.tables.applied == {stays: 0}

    def test_problems_of_a_partition_go(self, tmp_path: Path) -> None:
        app = new_app(tmp_path)
        applier = apply(app, "totals", (b"{", 2))
        asyncio.run(applier.forget([TOTALS], []))
        assert applier.problems == {}

    @pytest.mark.parametrize("table", ["totals", "tags"])
    def test_database_is_closed(self, tmp_path: Path, table: str) -> None:
        app = new_app(tmp_path, "rocksdb://")
        tp = TP(f"g-{table}-changelog", 0)
        key = [1, "a"] if table == "tags" else "a"
        applier = apply(app, table, (key, 1))
        assert applier.start_of(tp) == 1
        with pytest.raises(Exception, match="lock"):
            Applier(new_app(tmp_path, "rocksdb://")).start_of(tp)
        asyncio.run(applier.forget([tp], []))
        assert Applier(new_app(tmp_path, "rocksdb://")).start_of(tp) == 1


class TestStart:
    def test_memory_begins_at_the_beginning(self, tmp_path: Path) -> None:
        assert Applier(new_app(tmp_path)).start_of(TOTALS) == 0

    def test_what_was_applied_is_not_read_again(self, tmp_path: Path) -> None:
        app = new_app(tmp_path)
        assert apply(app, "totals", ("a", 1), ("a", 2)).start_of(TOTALS) == 2
        assert apply(app, "tags", ([1, "a"], 2)).start_of(TAGS) == 1

    def test_greater_of_applied_and_stored_counts(self, tmp_path: Path) -> None:
        app = new_app(tmp_path, "rocksdb://")
        applier = apply(app, "totals", ("a", 1), ("a", 2))
        app.tables.applied[TOTALS] = 0
        assert applier.start_of(TOTALS) == 2
        app.tables.applied[TOTALS] = 7
        assert applier.start_of(TOTALS) == 8
