"""What collecting changes of tables (`framework/streams`) assumes of Faust, mode and asyncio beyond the tables' own.

Written against faust-streaming 0.15.3, mode-streaming 0.7.1 and CPython 3.11.
"""

import asyncio
import inspect
from typing import Any

import pytest
from faust import streams
from faust.channels import SerializedChannel
from faust.sensors import monitor
from faust.sensors.base import SensorDelegate
from faust.serializers import codecs
from faust.serializers.registry import Registry
from faust.serializers.schemas import Schema
from faust.stores import memory, rocksdb
from faust.stores.base import Store
from faust.tables.base import Collection
from faust.tables.manager import TableManager as FaustTableManager
from faust.tables.table import Table as FaustTable
from mode.utils.collections import FastUserDict, ManagedUserDict

from framework.streams.tables import at_once, collected, collections, windows
from framework.streams.tables import manager as tables
from framework.streams.tables.authors import running_in
from tests.contract.contract import Has, SameBody, check_has, check_overrides, check_same_body, versions

LIBRARY = versions("faust-streaming", "mode-streaming")

COLLECTED = "framework/streams/tables/collected.py"
COLLECTIONS = "framework/streams/tables/collections.py"
TALLIES = "framework/streams/tables/tallies.py"
WINDOWS = "framework/streams/tables/windows.py"

NAMES = [
    Has(streams, "_current_event", None, f"{COLLECTIONS} `__setitem__`, which calls what is in it"),
    Has(Collection, "_verify_source_topic_partitions", ("source_topic",), f"{COLLECTED} `partition_for_key`"),
    Has(Collection, "_should_expire_keys", (), WINDOWS),
    Has(Collection, "_del_old_keys", (), f"{WINDOWS}, which overrides it"),
    Has(Collection, "on_window_close", ("key", "value"), f"{WINDOWS} `_close`"),
    Has(FaustTable, "__missing__", ("key",), f"{COLLECTIONS} `__getitem__`"),
    Has(FaustTable, "on_key_get", ("key",), f"{COLLECTED} `_values`"),
    Has(Store, "_encode_key", ("key",), f"{COLLECTED} `_mark_of`"),
    Has(Store, "_decode_key", ("key",), f"{WINDOWS} `_look_through`"),
    Has(Store, "_decode_value", ("value",), "framework/streams/tables/rocksdb.py `_load`"),
    Has(SensorDelegate, "on_table_set", ("table", "key", "value"), f"{TALLIES}, which calls each sensor's"),
    Has(monitor.Monitor, "_table_or_create", ("table",), TALLIES),
    Has(codecs, "get_codec", ("name_or_codec",), f"{COLLECTED} `_dump_plain`"),
]

BODIES = [
    SameBody(ManagedUserDict, "__getitem__", "07025fdbf2caf1c3", f"{COLLECTIONS} replaces"),
    SameBody(FastUserDict, "__getitem__", "4c93b5858aa23fcb", f"{COLLECTIONS} `__getitem__` replaces"),
    SameBody(FaustTable, "on_key_get", "fa0ac45e4d5877eb", f"{COLLECTIONS} `__getitem__` replicates"),
    SameBody(Collection, "partition_for_key", "1fcffc344730fe21", f"{COLLECTED} replicates for our events"),
    SameBody(Collection, "_maybe_set_key_ttl", "a86d7854c0a22e56", f"{WINDOWS} replaces"),
    SameBody(Collection, "_maybe_del_key_ttl", "fece799b751f0fe7", f"{WINDOWS} replaces"),
    SameBody(Collection, "_del_old_keys", "85fad75704dd4936", f"{WINDOWS} replaces"),
    SameBody(Collection, "_clean_data", "f8b6234fe5b65c5f", f"{WINDOWS} is called by: an error ends the table"),
    SameBody(Collection, "_relative_now", "5bba0519cbbf99b5", f"{WINDOWS} notes the latest end for"),
    SameBody(SerializedChannel, "prepare_key", "f5666760ac6b9453", f"{COLLECTED} `_dump_key` replicates"),
    SameBody(SerializedChannel, "prepare_value", "cff1578016807a2b", f"{COLLECTED} `_dump_value` replicates"),
    SameBody(Schema, "dumps_key", "3166440e5c25471d", f"{COLLECTED} `_dump_key` replicates"),
    SameBody(Schema, "dumps_value", "367bc5cdfc8906fe", f"{COLLECTED} `_dump_value` replicates"),
    SameBody(Registry, "dumps_key", "85ae67360332bd00", f"{COLLECTED} `_dump_key` replicates"),
    SameBody(Registry, "dumps_value", "d5936567b252cd01", f"{COLLECTED} `_dump_value` replicates"),
    SameBody(memory.Store, "apply_changelog_batch", "434520d949dcdb41", f"{COLLECTED} `_without_newer` filters for"),
    SameBody(
        rocksdb.Store,
        "_get_bucket_for_key",
        "418ef8093ed45b73",
        "framework/streams/tables/rocksdb.py `_partitions_of` replaces",
    ),
    SameBody(monitor.Monitor, "on_table_get", "b068ebdbc4afb884", f"{TALLIES} replicates"),
    SameBody(monitor.Monitor, "on_table_set", "497fc36266366787", f"{TALLIES} replicates"),
    SameBody(SensorDelegate, "on_table_set", "cdb0a76cbbbb2f7a", f"{TALLIES} replicates"),
    SameBody(FaustTableManager, "on_stop", "301d30f94630e990", "framework/streams/tables/manager.py `on_stop` wraps"),
]


@pytest.mark.parametrize("has", NAMES, ids=str)
def test_name(has: Has) -> None:
    check_has(has, LIBRARY)


@pytest.mark.parametrize("body", BODIES, ids=str)
def test_body(body: SameBody) -> None:
    check_same_body(body, LIBRARY)


@pytest.mark.parametrize(
    ("owner", "theirs"),
    [
        (collections.Table, FaustTable),
        (windows.Windowed, FaustTable),
        (at_once.AtOnce, FaustTable),
        (collected.Collected, FaustTable),
        (tables.TableManager, FaustTableManager),
    ],
)
def test_each_override_can_be_called_like_what_it_overrides(owner: type, theirs: type) -> None:
    check_overrides(type(owner.__name__, (theirs,), dict(vars(owner))), LIBRARY)


@pytest.mark.parametrize("counter", ["keys_retrieved", "keys_updated", "keys_deleted"])
def test_counters_of_the_monitor(counter: str) -> None:
    assert f"{counter}" in inspect.getsource(monitor.TableState), f"{counter} is gone from {LIBRARY}; see {TALLIES}."


def test_counters_of_prometheus() -> None:
    prometheus: Any = pytest.importorskip("faust.sensors.prometheus")
    source = inspect.getsource(prometheus.PrometheusMonitor)
    for text in (
        "table_operations.labels(",
        'table=f"table.{table.name}"',
        "self.KEYS_UPDATED",
        "super().on_table_set",
    ):
        assert text in source, f"{text} is gone from {LIBRARY}; see {TALLIES}."


def test_the_running_task() -> None:
    """On Pythons before 3.12 it is looked up in a private mapping."""

    async def scenario() -> None:
        other = asyncio.ensure_future(asyncio.sleep(0))
        assert running_in(asyncio.get_running_loop()) is asyncio.current_task() is not other
        await other

    asyncio.run(scenario())
