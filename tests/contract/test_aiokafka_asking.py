"""What asking brokers and coordinators takes of aiokafka: names that are public but documented nowhere."""

import pytest
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.offset import OffsetRequest

from tests.contract.contract import Has, check_has, versions

LIBRARY = versions("aiokafka")

ASKING = "framework/membership/asking.py"
OFFSETS = "framework/membership/offsets.py"
DESCRIPTION = "framework/membership/description.py"

NAMES = [
    Has(AIOKafkaClient, "bootstrap", (), f"{ASKING} `start`"),
    Has(AIOKafkaClient, "close", (), f"{ASKING} `close`"),
    Has(AIOKafkaClient, "send", ("node_id", "request", "group"), f"{ASKING} `to_coordinator`"),
    Has(AIOKafkaClient, "get_random_node", (), f"{ASKING} `to_any`"),
    Has(AIOKafkaClient, "force_metadata_update", (), f"{ASKING} `persist`"),
    Has(AIOKafkaClient, "coordinator_lookup", ("coordinator_type", "coordinator_key"), f"{ASKING} `to_coordinator`"),
    Has(CoordinationType, "GROUP", None, f"{ASKING} `to_coordinator`"),
    Has(MetadataRequest, "__init__", ("topics", "allow_auto_topic_creation"), f"{OFFSETS} `metadata_request`"),
    Has(OffsetFetchRequest, "__init__", ("consumer_group", "partitions"), f"{OFFSETS} `committed_request`"),
    Has(OffsetRequest, "__init__", ("replica_id", "isolation_level", "topics"), f"{OFFSETS} `ends_requests`"),
    Has(ConsumerProtocol, "PROTOCOL_TYPE", None, f"{DESCRIPTION} `group_of`"),
    Has(ConsumerProtocol, "METADATA", None, f"{DESCRIPTION} `group_of`"),
    Has(ConsumerProtocol, "ASSIGNMENT", None, f"{DESCRIPTION} `group_of`"),
]


@pytest.mark.parametrize("has", NAMES, ids=str)
def test_name(has: Has) -> None:
    check_has(has, LIBRARY)
