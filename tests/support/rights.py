"""Rights to a topic that are taken away for a while, at a broker with an authorizer."""

from collections.abc import Iterator
from contextlib import contextmanager

from kafka.admin import ACL, ACLOperation, ACLPermissionType, KafkaAdminClient, ResourcePattern, ResourceType

from framework.testing import eventually

CLUSTER = ResourcePattern(ResourceType.CLUSTER, "kafka-cluster")


@contextmanager
def denied(bootstrap_servers: str, topic: str, operation: ACLOperation) -> Iterator[None]:
    """Everybody may do everything but `operation` with the topic; to create it takes a right on topic or cluster."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
    acls = [
        ACL("User:*", "*", what, kind, where)
        for where in (ResourcePattern(ResourceType.TOPIC, topic), CLUSTER)
        for what, kind in ((ACLOperation.ALL, ACLPermissionType.ALLOW), (operation, ACLPermissionType.DENY))
        if where is not CLUSTER or operation is ACLOperation.CREATE
    ]
    try:
        admin.create_acls(acls)
        # They take effect a moment after the answer.
        eventually(lambda: all(admin.describe_acls(acl)[0] for acl in acls))
        yield
    finally:
        admin.delete_acls(acls)
        admin.close()
