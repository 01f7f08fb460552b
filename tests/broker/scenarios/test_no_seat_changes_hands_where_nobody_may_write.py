"""Of two processes with one id on two hosts the one that has the seat keeps it when the roster cannot be written.

Its entry grows old then, and it would look dead. The same for the moment after the right is given back.
"""

import pytest
from kafka.admin import ACLOperation

from framework.localkafka import LocalKafka
from framework.membership.roster import STALE_AFTER, topic_name
from framework.testing import eventually
from tests.support.rights import denied
from tests.support.scenario import Rig
from tests.support.workers import on_host

pytestmark = pytest.mark.broker


def test_no_seat_changes_hands_where_nobody_may_write(strict_kafka: LocalKafka, strict_rig: Rig) -> None:
    with strict_rig(workers=("w0",), session=30.0) as scenario:
        begun = scenario.all_steady()
        holder = scenario.worker("w0")
        elsewhere = scenario.start_beside("w0-elsewhere", "w0", **on_host("elsewhere"))
        eventually(lambda: elsewhere.state() == "waiting", within=15.0)
        with denied(strict_kafka.bootstrap_servers, topic_name(scenario.group_id), ACLOperation.WRITE):
            scenario.commits_advance_for(STALE_AFTER + 3.0, each=5.0)
            assert elsewhere.state() == "waiting"
            assert elsewhere.fence()["verdict"] == "held"
        scenario.commits_advance_for(3.0, each=5.0)

        assert scenario.joins("w0", begun) == []
        assert len(holder.events("roster.unwritable")) == 1
        reasons = [event["why"] for event in elsewhere.events("worker.no_roster")]
        assert any("Grant WRITE and DESCRIBE on the topic" in why for why in reasons)
        assert elsewhere.terminate(within=5.0).code == 0
        scenario.finish()
        assert scenario.generations_spent(begun) == 0
        assert scenario.duplicates() == 0
