"""What a shadow assumes of Faust's tables and of aiokafka's consumer beyond their public interfaces.

Written against faust-streaming 0.15.3 and aiokafka 0.14.0.
"""

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.subscription_state import Assignment, TopicPartitionState
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from faust.stores import memory, rocksdb
from faust.tables.base import Collection
from faust.tables.objects import ChangeloggedObjectManager
from faust.topics import Topic

from tests.contract.contract import Has, check_has, versions

LIBRARY = versions("faust-streaming", "aiokafka")

APPLYING = "framework/standby/applying.py"
SETS = "framework/standby/sets.py"
ASSIGNOR = "framework/standby/assignor.py"
CONSUMER = "framework/membership/consumer.py"

NAMES = [
    Has(Collection, "_to_key", ("k",), f"{SETS} `SetKeys`: a key as the table has it"),
    Has(Collection, "apply_changelog_batch", ("batch",), f"{APPLYING} `_apply`"),
    Has(Collection, "on_changelog_event", ("event",), f"{APPLYING} `_event`"),
    Has(Collection, "persisted_offset", ("tp",), f"{APPLYING} `start_of`"),
    Has(Collection, "data", None, f"{APPLYING}: the store, made when it is asked for and not started"),
    Has(Topic, "decode", ("message", "propagate"), f"{APPLYING} `_event`: raises where it cannot decode"),
    Has(ChangeloggedObjectManager, "storage", None, f"{APPLYING} `_empty`"),
    Has(memory.Store, "on_recovery_completed", ("active_tps", "standby_tps"), f"{APPLYING} `_empty`: drops the others"),
    Has(rocksdb.Store, "revoke_partitions", ("table", "tps"), f"{APPLYING} `_empty`: closes the databases"),
    Has(AbstractPartitionAssignor, "name", None, f"{ASSIGNOR}: the protocol's name"),
    Has(AbstractPartitionAssignor, "assign", ("cluster", "members"), f"{ASSIGNOR}, which implements it"),
    Has(AbstractPartitionAssignor, "metadata", ("topics",), f"{ASSIGNOR}, which implements it"),
    Has(AbstractPartitionAssignor, "on_assignment", ("assignment",), f"{ASSIGNOR}, which implements it"),
    Has(Assignment, "state_value", ("tp",), f"{CONSUMER} `position_of`"),
    Has(TopicPartitionState, "has_valid_position", None, f"{CONSUMER} `position_of`"),
    Has(TopicPartitionState, "position", None, f"{CONSUMER} `position_of`"),
    Has(AIOKafkaClient, "fetch_all_metadata", (), f"{CONSUMER} `count_partitions`: creates no topic"),
]


@pytest.mark.parametrize("has", NAMES, ids=str)
def test_name(has: Has) -> None:
    check_has(has, LIBRARY)
