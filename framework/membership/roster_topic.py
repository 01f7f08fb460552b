"""The roster's topic: its settings, how it is made, and what to tell a person when it cannot be used."""

import asyncio
import ssl
from collections.abc import Mapping
from enum import StrEnum

import aiokafka.errors as kafka_errors

from framework.errors import RosterUnavailableError
from framework.membership.connection import Connection
from framework.membership.probe import REFUSALS
from framework.membership.roster import PARTITIONS, topic_name
from framework.membership.roster_silence import Doubt
from framework.membership.roster_wire import WIRE_ERRORS, Wire

CONFIGS: Mapping[str, str] = {
    "cleanup.policy": "compact",
    # Only closed segments are compacted, and the active one has to be read whole: so it is closed soon.
    "segment.ms": "60000",
    "segment.bytes": str(4 << 20),
    "min.cleanable.dirty.ratio": "0.01",
    "max.compaction.lag.ms": "60000",
    "delete.retention.ms": "60000",
    # One clock for all entries: the broker's.
    "message.timestamp.type": "LogAppendTime",
}
"""Topic configs that keep the log so small that a reader has it whole in a moment."""

READY_WITHIN = 5.0
"""Seconds for a new topic to get its leaders."""


class Use(StrEnum):
    """What the topic was wanted for, as the end of `cannot be ...`."""

    READ = "read"
    WRITE = "written"
    CREATE = "created"


_RIGHTS: Mapping[Use, str] = {
    Use.READ: "READ and DESCRIBE on the topic",
    Use.WRITE: "WRITE and DESCRIBE on the topic",
    Use.CREATE: f"CREATE on the topic, or create it with {PARTITIONS} partitions and cleanup.policy=compact",
}


class RosterMissingError(RosterUnavailableError):
    """Raised when the roster's topic does not exist, as before the first worker of a group has started."""


async def ensure_topic(connection: Connection, group_id: str, replication_factor: int) -> bool:
    """Create the topic `<group_id>-roster` if it is not there, and wait until it can be used.

    One that is there is taken as it is.

    Returns:
        Whether it was created now.

    Raises:
        RosterUnavailableError: it is not there and this user may not create it, or no broker answers.
    """
    topic = topic_name(group_id)
    try:
        async with await Wire.connect(connection, topic) as wire, asyncio.timeout(READY_WITHIN):
            is_new = not wire.partitions and await wire.create(PARTITIONS, replication_factor, CONFIGS)
            while not wire.is_ready:
                await asyncio.sleep(0.05)
                await wire.locate()
    except WIRE_ERRORS as exc:
        raise unavailable(connection, topic, Use.CREATE, exc) from exc
    return is_new


async def write_record(connection: Connection, topic: str, partition: int, key: bytes, value: bytes | None) -> None:
    """Write one record with a connection of its own; in a topic with too few partitions it goes to the first.

    Raises:
        RosterUnavailableError: the topic is missing, this user may not write to it, or no broker answers.
    """
    try:
        async with await Wire.connect(connection, topic) as wire:
            await wire.write(fitting(partition, wire.partitions), key, value)
    except WIRE_ERRORS as exc:
        raise unavailable(connection, topic, Use.WRITE, exc) from exc


def fitting(partition: int, partitions: int) -> int:
    """The partition to use for `partition` in a topic that has `partitions`."""
    return partition if partition < partitions else 0


def unavailable(connection: Connection, topic: str, use: Use, exc: BaseException) -> RosterUnavailableError:
    """One of `WIRE_ERRORS` as an error that says what to do."""
    is_missing = isinstance(exc, kafka_errors.UnknownTopicOrPartitionError)
    kind = RosterMissingError if is_missing else RosterUnavailableError
    return kind(f"The roster topic {topic!r} cannot be {use}: {_why(connection, use, exc)}")


def doubtful(connection: Connection, topic: str, doubt: Doubt, problem: str = "") -> str:
    """Why silence in the roster proves nothing just now, as sentences for a person.

    Args:
        connection: how the brokers are reached.
        topic: of the roster.
        doubt: what is known.
        problem: why the topic could not be read when that was tried last.
    """
    match doubt:
        case Doubt.UNREADABLE:
            why = problem or "The roster cannot be read to its end just now. Check that the brokers run."
        case Doubt.UNWRITABLE:
            why = str(unavailable(connection, topic, Use.WRITE, kafka_errors.TopicAuthorizationFailedError()))
        case Doubt.TOO_EARLY:
            why = f"The roster topic {topic!r} could not be used until a moment ago."
    return f"{why} Nobody can tell yet which workers live: try again later."


def _why(connection: Connection, use: Use, exc: BaseException) -> str:
    if isinstance(exc, kafka_errors.TopicAuthorizationFailedError | kafka_errors.ClusterAuthorizationFailedError):
        return f"this user lacks the right to. Grant {_RIGHTS[use]}."
    if isinstance(exc, kafka_errors.UnknownTopicOrPartitionError):
        return (
            "it does not exist. A worker of the group creates it when it starts, and again within minutes when it was"
            f" deleted, if the broker allows that: grant {_RIGHTS[Use.CREATE]}."
        )
    if isinstance(exc, kafka_errors.InvalidReplicationFactorError):
        return "there are fewer brokers than it is to have copies. Lower FRAMEWORK_TOPIC_REPLICATION_FACTOR."
    if isinstance(exc, REFUSALS):
        return (
            f"the broker refused to let this user in ({type(exc).__name__}). Check FRAMEWORK_SASL_USERNAME,"
            " FRAMEWORK_SASL_PASSWORD and FRAMEWORK_SASL_MECHANISM."
        )
    if isinstance(exc, ssl.SSLError):
        return f"TLS with the broker failed ({getattr(exc, 'reason', None) or exc}). Check FRAMEWORK_SSL_CAFILE."
    if isinstance(exc, kafka_errors.BrokerResponseError) and exc.errno:
        said = ": ".join(filter(None, (exc.message, *map(str, exc.args))))
        return f"the broker answered with error {exc.errno}, {said}. Look it up in the broker's log."
    if not isinstance(exc, OSError | EOFError | kafka_errors.KafkaConnectionError):
        return f"{exc!r}."
    reason = getattr(exc, "strerror", None) or str(exc) or "no answer in time"
    return (
        f"no broker answers at {', '.join(connection.addresses)} ({reason}). Check that Kafka runs there, or set"
        " FRAMEWORK_BOOTSTRAP_SERVERS."
    )
