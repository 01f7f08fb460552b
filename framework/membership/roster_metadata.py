"""Where a topic's partitions are and what this user may do with it, as bytes on the wire: Metadata v8 (KIP-430).

aiokafka ends with v5. v8 is the first version that can tell the rights, and the last one without tagged fields; brokers
speak it from Apache Kafka 2.3 on.
"""

from typing import ClassVar

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

_TEXT = String("utf-8")

NOT_GIVEN = -(2**31)
"""What stands in place of the rights when nobody asked for them, or the broker does not know."""

_WRITE = 4
"""AclOperation.WRITE; the bit of an operation has its code as number."""


class MetadataResponse_v8(Response):
    """Brokers, controller, and topics with the leaders of their partitions and the rights of whoever asks."""

    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", Array(("node_id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT))),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", _TEXT),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("cluster_authorized_operations", Int32),
    )


class MetadataRequest_v8(RequestStruct):
    """Metadata for a list of topics."""

    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = MetadataResponse_v8
    SCHEMA = Schema(
        ("topics", Array(_TEXT)),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class TopicMetadataRequest(Request[MetadataRequest_v8]):
    """Ask about one topic and the rights to it; never makes the broker create it."""

    API_KEY: ClassVar[int] = 3

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: type[MetadataRequest_v8]) -> MetadataRequest_v8:
        """Return the struct to send."""
        return request_struct_class([self._topic], False, False, True)


def may_write(authorized_operations: int) -> bool:
    """Whether WRITE is among the rights; taken for granted where the broker does not say.

    A broker without an authorizer grants everything, and says so.
    """
    return authorized_operations == NOT_GIVEN or bool(authorized_operations >> _WRITE & 1)
