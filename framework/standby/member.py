"""The member of the standby group: which options it has; knows nothing of tables."""

from typing import Any

from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth
from faust.types.enums import ProcessingGuarantee

from framework.membership.consumer import StaticConsumer
from framework.membership.coordinator_requests import Listener
from framework.membership.transport import FETCH_MAX_WAIT_MS, METADATA_MAX_AGE_MS
from framework.standby.assignor import StandbyAssignor

MARGIN = 1.0
"""Seconds for a join on its way."""


def new_member(
    app: Any,
    assignor: StandbyAssignor,
    *,
    group_id: str,
    group_instance_id: str,
    client_id: str,
    listener: Listener,
) -> StaticConsumer:
    """A consumer in the standby group, not started; session, heartbeat and login are those of the app."""
    conf = app.conf
    # A rebalance waits that long for a member that is dead, and shadows apply nothing meanwhile. They have nothing to
    # finish: a live one joins when its heartbeat has told it to.
    rebalance_timeout = min(conf.broker_rebalance_timeout, 2 * conf.broker_heartbeat_interval + MARGIN)
    is_transactional = conf.processing_guarantee == ProcessingGuarantee.EXACTLY_ONCE
    return StaticConsumer(
        assignor=assignor,
        listener=listener,
        client_id=client_id,
        group_id=group_id,
        group_instance_id=group_instance_id,
        bootstrap_servers=list(app.settings.addresses),
        enable_auto_commit=False,
        # What compaction or retention has taken away is not waited for.
        auto_offset_reset="earliest",
        isolation_level="read_committed" if is_transactional else "read_uncommitted",
        max_partition_fetch_bytes=conf.consumer_max_fetch_size,
        check_crcs=conf.broker_check_crcs,
        fetch_max_wait_ms=FETCH_MAX_WAIT_MS,
        metadata_max_age_ms=METADATA_MAX_AGE_MS,
        connections_max_idle_ms=conf.consumer_connections_max_idle_ms,
        session_timeout_ms=_ms(conf.broker_session_timeout),
        heartbeat_interval_ms=_ms(conf.broker_heartbeat_interval),
        rebalance_timeout_ms=_ms(rebalance_timeout),
        request_timeout_ms=_ms(conf.broker_request_timeout),
        max_poll_interval_ms=_ms(conf.broker_max_poll_interval),
        **credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
