"""What the tables (`framework/streams`) assume of Faust, mode and rocksdict; an upgrade that breaks it fails here.

Written against faust-streaming 0.15.3, mode-streaming 0.7.1 and rocksdict 0.3.29.
"""

import inspect
from pathlib import Path
from typing import Any

import pytest
import rocksdict
from faust.agents.agent import Agent
from faust.channels import Channel
from faust.stores import memory, rocksdb
from faust.stores.base import Store
from faust.streams import Stream
from faust.tables import objects, sets
from faust.tables.base import Collection
from faust.tables.manager import TableManager as FaustTableManager
from faust.tables.recovery import Recovery as FaustRecovery
from faust.tables.table import Table as FaustTable
from faust.topics import Topic
from mode.utils.collections import ManagedUserDict
from mode.utils.queues import FlowControlEvent, FlowControlQueue, ThrowableQueue

from framework.streams.tables import collections, recovery, stored
from framework.streams.tables import rocksdb as ours
from tests.contract.contract import Has, SameBody, check_has, check_overrides, check_same_body, versions

LIBRARY = versions("faust-streaming", "mode-streaming", "rocksdict")

AUTHORS = "framework/streams/tables/authors.py"
COLLECTIONS = "framework/streams/tables/collections.py"
RECOVERY = "framework/streams/tables/recovery.py"
SETS = "framework/streams/tables/sets.py"
STORED = "framework/streams/tables/stored.py"
ROCKSDB = "framework/streams/tables/rocksdb.py"
TABLES = "framework/streams/tables/manager.py"

NAMES = [
    # The tables.
    Has(Collection, "_new_store_by_url", ("url",), f"{STORED}, which overrides it"),
    Has(Collection, "on_recovery_completed", ("active_tps", "standby_tps"), f"{STORED}, which overrides it"),
    Has(Collection, "apply_changelog_batch", ("batch",), f"{COLLECTIONS}, which overrides it"),
    Has(Collection, "_on_changelog_sent", ("fut",), f"{COLLECTIONS}, which overrides it"),
    Has(Collection, "_maybe_set_key_ttl", ("key", "partition"), f"{COLLECTIONS} `__setitem__`"),
    Has(Collection, "_maybe_del_key_ttl", ("key", "partition"), f"{COLLECTIONS} `__delitem__`"),
    Has(Collection, "partition_for_key", ("key",), f"{COLLECTIONS} `_entry`"),
    Has(Collection, "changelog_topic_name", None, f"{COLLECTIONS} `_changelog_tp`"),
    Has(
        Collection,
        "_send_changelog",
        ("event", "key", "value", "key_serializer", "value_serializer"),
        f"{COLLECTIONS} `SetManager`",
    ),
    Has(sets.SetTable, "_new_store", (), f"{COLLECTIONS}, which overrides it"),
    Has(sets.SetTable, "_new_changelog_topic", ("retention", "compacting", "deleting"), f"{SETS}, which overrides it"),
    Has(
        objects.ChangeloggedObjectManager,
        "send_changelog_event",
        ("key", "operation", "value"),
        f"{COLLECTIONS} overrides",
    ),
    Has(objects.ChangeloggedObjectManager, "sync_from_storage", (), f"{COLLECTIONS}, which overrides it"),
    # The stores.
    Has(Store, "_encode_key", ("key",), f"{COLLECTIONS} `_store`"),
    Has(Store, "_encode_value", ("value",), f"{COLLECTIONS} `_store`"),
    Has(rocksdb.Store, "_db_for_partition", ("partition",), ROCKSDB),
    Has(rocksdb.Store, "_open_for_partition", ("partition",), f"{ROCKSDB}, which overrides it"),
    Has(rocksdb.Store, "revoke_partitions", ("table", "tps"), f"{ROCKSDB}, which overrides it"),
    Has(rocksdb.Store, "offset_key", None, f"{ROCKSDB} `_write`"),
    # The recovery.
    Has(FaustTableManager, "changelog_queue", None, f"{TABLES}, which overrides it"),
    Has(FaustRecovery, "_add", ("table", "tp", "offsets"), f"{RECOVERY}, which overrides it"),
    Has(
        FaustRecovery,
        "on_rebalance",
        ("assigned", "revoked", "newly_assigned", "generation_id"),
        f"{RECOVERY}, which overrides it",
    ),
    Has(FaustRecovery, "_seek_offsets", ("consumer", "tps", "offsets", "title"), f"{RECOVERY}, which overrides it"),
    Has(FaustRecovery, "_set_recovery_ended", (), f"{RECOVERY} `_end_if_recovered`"),
    Has(FaustRecovery, "need_recovery", (), f"{RECOVERY} `_end_if_recovered`"),
    Has(FaustRecovery, "flush_buffers", (), f"{RECOVERY} `_end_if_recovered`"),
    Has(FaustRecovery, "standby_remaining_total", (), f"{RECOVERY} `_tell_whether_standbys_are_ready`"),
    Has(FlowControlQueue, "force_put_nowait", ("item",), f"{RECOVERY} `_drop`"),
    # A change on its way.
    Has(
        Channel,
        "as_future_message",
        (
            "key",
            "value",
            "partition",
            "timestamp",
            "headers",
            "schema",
            "key_serializer",
            "value_serializer",
            "callback",
            "eager_partitioning",
        ),
        f"{COLLECTIONS} `_entry`",
    ),
    # The batches of a database.
    Has(rocksdict.WriteBatch, "put", None, ROCKSDB),
    Has(rocksdict.WriteBatch, "delete", None, ROCKSDB),
    Has(rocksdict.Rdict, "write", None, ROCKSDB),
]

BODIES = [
    SameBody(ManagedUserDict, "__setitem__", "957c48a9b666271c", f"{COLLECTIONS} replaces"),
    SameBody(ManagedUserDict, "__delitem__", "33e276a6556673b1", f"{COLLECTIONS} replaces"),
    SameBody(ManagedUserDict, "update", "0d18cdbd96342d62", f"{COLLECTIONS} replaces"),
    SameBody(ManagedUserDict, "clear", "c21cec92b077dfdf", f"{COLLECTIONS} replaces"),
    SameBody(FaustTable, "on_key_set", "9ff71a01455e7600", f"{COLLECTIONS} `__setitem__` replicates"),
    SameBody(FaustTable, "on_key_del", "efc068c6a2d3cd95", f"{COLLECTIONS} `__delitem__` replicates"),
    SameBody(FaustTable, "on_clear", "4c3c651e0a188deb", f"{COLLECTIONS} `clear` replaces"),
    SameBody(Collection, "send_changelog", "78a5e11370efe43a", f"{COLLECTIONS} `_entry` replicates"),
    SameBody(Collection, "_on_changelog_sent", "146c7ea5c7530a94", f"{COLLECTIONS} `_on_changelog_sent` wraps"),
    SameBody(Collection, "_new_store_by_url", "28b01ee9bcc6a6e2", f"{STORED} replicates for our store"),
    SameBody(Topic, "send_soon", "7630f69909d8142c", f"{COLLECTIONS} replicates: it would leave out the headers"),
    SameBody(Topic, "_on_published", "1242f6b07f9c62e9", f"{COLLECTIONS} relies on: it calls back in order"),
    SameBody(memory.Store, "on_recovery_completed", "92833ba38c9e53cb", f"{STORED} gives followed partitions to"),
    SameBody(objects.ChangeloggedObjectManager, "send_changelog_event", "c9126b3c7ad7077b", f"{COLLECTIONS} replaces"),
    SameBody(objects.ChangeloggedObjectManager, "apply_changelog_batch", "a1ecdfcd28301efd", f"{COLLECTIONS} replaces"),
    SameBody(objects.ChangeloggedObjectManager, "sync_from_storage", "9c0109410c441ff8", f"{COLLECTIONS} replaces"),
    SameBody(rocksdb.Store, "_get", "87e3ce60eaba3171", f"{ROCKSDB} replaces"),
    SameBody(rocksdb.Store, "_contains", "ae4328a38e9d8f50", f"{ROCKSDB} replaces"),
    SameBody(rocksdb.Store, "_del", "2bb45852bef57237", f"{ROCKSDB} replaces"),
    SameBody(rocksdb.Store, "apply_changelog_batch", "67ac93a2bea2a488", f"{ROCKSDB} replaces"),
    SameBody(rocksdb.Store, "_dbs_for_actives", "ca59b171d6d8471f", f"{ROCKSDB} `_iteritems` replaces"),
    SameBody(rocksdb.Store, "revoke_partitions", "0df43a0757fb9404", f"{ROCKSDB} wraps"),
    SameBody(rocksdb.Store, "stop", "a7b7e2eeae9e4689", f"{ROCKSDB} wraps"),
    SameBody(FaustRecovery, "_add", "0bc4d83626768199", f"{RECOVERY} wraps"),
    SameBody(FaustRecovery, "on_rebalance", "31030bc1807f4cd3", f"{RECOVERY} wraps"),
    SameBody(FaustRecovery, "_seek_offsets", "d76d5a8f46fa2401", f"{RECOVERY} replaces"),
    SameBody(FlowControlQueue, "force_put_nowait", "85a030cafc2cedf0", f"{RECOVERY} `_drop` calls"),
    SameBody(ThrowableQueue, "get_nowait", "f8119070e87fea60", f"{RECOVERY} `_drop` calls"),
    SameBody(FlowControlEvent, "resume", "da6fc70c770ea01b", f"{TABLES} keeps from emptying the changelog queue"),
    SameBody(Agent, "_start_task", "aa46526971fea076", f"{AUTHORS} relies on: one task runs the body"),
    SameBody(Agent, "_prepare_actor", "396640be75ea7af9", f"{AUTHORS} relies on: the actor knows its task"),
]


@pytest.mark.parametrize("has", NAMES, ids=str)
def test_name(has: Has) -> None:
    check_has(has, LIBRARY)


@pytest.mark.parametrize("body", BODIES, ids=str)
def test_body(body: SameBody) -> None:
    check_same_body(body, LIBRARY)


ATTRIBUTES: dict[Any, str] = {
    FaustRecovery: (
        "_active_events_received_at _actives_span _standbys_span _processing_times _last_flush_at"
        " _last_active_event_processed_at active_tps standby_tps active_offsets standby_offsets active_highwaters"
        " tp_to_table buffers in_recovery num_samples_required_for_estimate"
    ),
    FaustTableManager: "_changelog_queue _changelogs _channels",
    rocksdb.Store: "_dbs _key_index",
    memory.Store: "_key_partition",
    Collection: "_sensor_on_set _sensor_on_del _partition_latest_timestamp last_closed_window",
    Agent: "_actors concurrency",
    Stream: "_next enable_acks current_event",
}


@pytest.mark.parametrize(
    ("owner", "name"), [(owner, name) for owner in ATTRIBUTES for name in ATTRIBUTES[owner].split()]
)
def test_attribute(owner: Any, name: str) -> None:
    source = "\n".join(inspect.getsource(each) for each in owner.__mro__ if each.__module__.startswith("faust"))
    assert f"self.{name} =" in source or f"{name}:" in source or hasattr(owner, name), (
        f"{owner.__name__}.{name} is gone from {LIBRARY}. It is used in framework/streams."
    )


@pytest.mark.parametrize(
    "owner",
    [
        stored.Stored,
        collections.Table,
        collections.SetManager,
        collections.SetTable,
        ours.Store,
        recovery.Recovery,
    ],
)
def test_each_override_can_be_called_like_what_it_overrides(owner: type) -> None:
    check_overrides(owner, LIBRARY)


def test_database_that_is_opened_is_raw(tmp_path: Path) -> None:
    db = rocksdb.RocksDBOptions(use_rocksdict=True).open(tmp_path / "one")
    db.put(b"b", b"1")
    entries = db.iter()
    entries.seek(b"a")
    assert (entries.valid(), entries.key(), entries.value()) == (True, b"b", b"1")
    entries.next()
    assert not entries.valid()
    del entries
    db.close()
