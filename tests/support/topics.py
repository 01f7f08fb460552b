"""Topics of a scenario: made, and grown."""

from collections.abc import Mapping

from kafka import KafkaAdminClient
from kafka.admin import NewPartitions, NewTopic

from framework.testing import eventually


def create_topics(bootstrap_servers: str, topics: Mapping[str, int]) -> None:
    """Create topics, `{name: partitions}`."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        admin.create_topics([NewTopic(name, partitions, 1) for name, partitions in topics.items()])
    finally:
        admin.close()


def add_partitions(bootstrap_servers: str, topic: str, total: int) -> None:
    """Let a topic grow to `total` partitions, and wait until the broker shows them, which is after its answer."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        admin.create_partitions({topic: NewPartitions(total)})
        eventually(lambda: len(admin.describe_topics([topic])[0]["partitions"]) == total)
    finally:
        admin.close()


def delete_topic(bootstrap_servers: str, topic: str) -> None:
    """Delete a topic with all that is in it."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        admin.delete_topics([topic])
    finally:
        admin.close()
