"""What Faust is told: its options as the settings have them, and which of them a user may pass."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import faust

from framework.errors import SettingsError
from framework.membership.assignor import SeatAssignor
from framework.membership.connection import ssl_context
from framework.settings import Settings
from framework.streams.agents.agent import Agent
from framework.streams.agents.buffering import Stream
from framework.streams.sending.topics import Topic
from framework.streams.tables.collections import GlobalTable, SetGlobalTable, SetTable, Table
from framework.streams.tables.manager import TableManager

OURS: Mapping[str, str] = {
    "broker": "FRAMEWORK_BOOTSTRAP_SERVERS",
    "broker_consumer": "FRAMEWORK_BOOTSTRAP_SERVERS",
    "broker_producer": "FRAMEWORK_BOOTSTRAP_SERVERS",
    "broker_client_id": "FRAMEWORK_INSTANCE_ID",
    "broker_request_timeout": "FRAMEWORK_SESSION_TIMEOUT_MS",
    "broker_credentials": "FRAMEWORK_SECURITY_PROTOCOL",
    "broker_session_timeout": "FRAMEWORK_SESSION_TIMEOUT_MS",
    "broker_heartbeat_interval": "FRAMEWORK_HEARTBEAT_INTERVAL_MS",
    "broker_max_poll_interval": "FRAMEWORK_MAX_POLL_INTERVAL_MS",
    "broker_rebalance_timeout": "FRAMEWORK_REBALANCE_TIMEOUT_MS",
    "broker_commit_interval": "FRAMEWORK_COMMIT_INTERVAL",
    "canonical_url": "FRAMEWORK_INSTANCE_ID",
    "consumer_group_instance_id": "FRAMEWORK_INSTANCE_ID",
    "datadir": "FRAMEWORK_DATADIR",
    "ssl_context": "FRAMEWORK_SSL_CAFILE",
    "store": "FRAMEWORK_STORE",
    "stream_buffer_maxsize": "FRAMEWORK_MAX_IN_FLIGHT",
    "web_bind": "FRAMEWORK_HTTP_HOST",
    "web_host": "FRAMEWORK_HTTP_HOST",
    "web_port": "FRAMEWORK_HTTP_PORT",
}
"""Options of Faust that the framework sets, and the setting that decides each."""


FIXED = frozenset(
    {
        "Agent",
        "PartitionAssignor",
        "Stream",
        "TableManager",
        "Topic",
        "consumer_api_version",
        "consumer_metadata_max_age_ms",
        "env_prefix",
        "producer_threaded",
        "reply_to",
        "worker_redirect_stdouts",
    }
)
"""Options of Faust that have one right value here."""


def refuse_unknown(options: Iterable[str]) -> None:
    """Check the names of the options a user passed to `App`; plain Faust swallows those it does not know.

    Raises:
        SettingsError: some are unknown, or are decided by a setting; the message names all of them.
    """
    problems = [
        f"App() got {name!r}, which the framework decides: set {OURS[name]} instead."
        for name in options
        if name in OURS
    ]
    problems += [
        f"App() got {name!r}, which the framework has to decide: leave it out." for name in options if name in FIXED
    ]
    known = {*faust.Settings.setting_names(), "monitor", "config_source", "loop", "beacon"}
    for name in options:
        if name not in known:
            close = get_close_matches(name, known - OURS.keys() - FIXED, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            problems.append(f"App() got an unknown option {name!r}.{hint}")
    if problems:
        raise SettingsError(" ".join(problems))


def faust_options(settings: Settings) -> dict[str, Any]:
    """Faust's options as the settings have them; times in seconds."""
    return {
        # Faust would let any variable such as BROKER_URL or DATADIR override what is passed here.
        "env": {},
        "broker": [f"kafka://{address}" for address in settings.addresses],
        "broker_credentials": _credentials(settings),
        "broker_session_timeout": settings.session_timeout_ms / 1000,
        "broker_heartbeat_interval": settings.heartbeat_interval_ms / 1000,
        "broker_max_poll_interval": settings.max_poll_interval_ms / 1000,
        "broker_rebalance_timeout": settings.rebalance_timeout_ms / 1000,
        "broker_request_timeout": settings.request_timeout,
        "broker_commit_interval": settings.commit_interval,
        "store": settings.store,
        "datadir": settings.datadir,
        "stream_buffer_maxsize": settings.max_in_flight,
        "topic_partitions": settings.topic_partitions,
        "topic_replication_factor": settings.topic_replication_factor,
        "worker_redirect_stdouts": False,
        "PartitionAssignor": SeatAssignor,
        "Agent": Agent,
        "Stream": Stream,
        "TableManager": TableManager,
        "Topic": Topic,
        "Table": Table,
        "GlobalTable": GlobalTable,
        "SetTable": SetTable,
        "SetGlobalTable": SetGlobalTable,
    }


def _credentials(settings: Settings) -> Any:
    protocol = settings.security_protocol
    if protocol == "PLAINTEXT":
        return None
    context = ssl_context(settings) if protocol.endswith("SSL") else None
    if protocol == "SSL":
        return faust.SSLCredentials(context)
    return faust.SASLCredentials(
        username=settings.sasl_username,
        password=settings.sasl_password.get_secret_value() if settings.sasl_password else None,
        ssl_context=context,
        mechanism=settings.sasl_mechanism or "PLAIN",
    )
