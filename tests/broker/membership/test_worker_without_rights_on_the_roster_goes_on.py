"""A worker that may not create or write the roster says which right to grant, goes on, and writes once it may."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from kafka.admin import ACL, ACLOperation, ACLPermissionType, KafkaAdminClient, ResourcePattern, ResourceType
from structlog.testing import capture_logs

from framework.states import SeatState
from framework.testing import eventually
from tests.support.roster import Roster

CLUSTER = ResourcePattern(ResourceType.CLUSTER, "kafka-cluster")


@contextmanager
def denied(roster: Roster, operation: ACLOperation) -> Iterator[None]:
    """Everybody may do everything but `operation` with the topic; to create it takes a right on topic or cluster."""
    admin = KafkaAdminClient(bootstrap_servers=roster.bootstrap_servers)
    acls = [
        ACL("User:*", "*", what, kind, where)
        for where in (ResourcePattern(ResourceType.TOPIC, roster.topic), CLUSTER)
        for what, kind in ((ACLOperation.ALL, ACLPermissionType.ALLOW), (operation, ACLPermissionType.DENY))
        if where is not CLUSTER or operation is ACLOperation.CREATE
    ]
    try:
        admin.create_acls(acls)
        yield
    finally:
        admin.delete_acls(acls)
        admin.close()


def test_right_to_write_is_taken_and_given_back(strict_roster: Roster) -> None:
    roster = strict_roster
    with capture_logs() as logs:
        keeper = roster.keeper()
        eventually(lambda: roster.exists() and roster.entries())
        with denied(roster, ACLOperation.WRITE):
            warning = eventually(lambda: [line for line in logs if line["event"] == "roster.unwritable"])[0]
            told = time.monotonic()
            keeper.tell(state=SeatState.RUNNING)
            assert time.monotonic() - told < 0.5
        eventually(lambda: roster.entries()[-1].state is SeatState.RUNNING)
    assert "Grant WRITE and DESCRIBE on the topic" in warning["problem"]
    assert roster.topic in warning["problem"]
    assert len([line for line in logs if line["event"] == "roster.unwritable"]) == 1


def test_right_to_create_is_missing(strict_roster: Roster) -> None:
    roster = strict_roster
    with capture_logs() as logs, denied(roster, ACLOperation.CREATE):
        keeper = roster.keeper()
        warning = eventually(lambda: [line for line in logs if line["event"] == "roster.unwritable"])[0]
        keeper.close(timeout=1.0, state=SeatState.STOPPED)
    assert "cannot be created" in warning["problem"]
    assert "Grant CREATE on the topic" in warning["problem"]
    assert not roster.exists()


def test_right_to_read_is_missing(strict_roster: Roster) -> None:
    roster = strict_roster
    with capture_logs() as logs, denied(roster, ACLOperation.READ):
        roster.keeper()
        warning = eventually(lambda: [line for line in logs if line["event"] == "roster.wanted_unreadable"])[0]
    assert "Grant READ and DESCRIBE on the topic" in warning["problem"]
    assert not [line for line in logs if line["event"] == "roster.unwritable"]
    assert roster.entries()
