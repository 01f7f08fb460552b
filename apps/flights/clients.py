"""From the framework's settings to clients of aiokafka, and the errors of their start in words."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, TopicAlreadyExistsError, for_code
from aiokafka.helpers import create_ssl_context

from apps.flights.topics import PARTITIONS
from framework import Settings
from framework.errors import BrokerUnavailableError, FrameworkError, NotAllowedError

LINGER_MS = 20
"""Milliseconds that a batch waits for more records."""

BATCH_BYTES = 256 * 1024
"""Most bytes of a batch of one partition."""


def connection(settings: Settings) -> dict[str, Any]:
    """Keyword arguments that every client of aiokafka takes to reach the brokers."""
    found: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers,
        "security_protocol": settings.security_protocol,
    }
    if settings.security_protocol.endswith("SSL"):
        password = settings.ssl_key_password
        found["ssl_context"] = create_ssl_context(
            cafile=settings.ssl_cafile and str(settings.ssl_cafile),
            certfile=settings.ssl_certfile and str(settings.ssl_certfile),
            keyfile=settings.ssl_keyfile and str(settings.ssl_keyfile),
            password=password and password.get_secret_value(),
        )
    if settings.security_protocol.startswith("SASL"):
        secret = settings.sasl_password
        found["sasl_mechanism"] = settings.sasl_mechanism
        found["sasl_plain_username"] = settings.sasl_username
        found["sasl_plain_password"] = secret and secret.get_secret_value()
    return found


@asynccontextmanager
async def open_producer(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    """A started idempotent producer: a retry after a lost answer writes no record twice.

    Raises:
        BrokerUnavailableError: no broker answers.
    """
    producer = AIOKafkaProducer(
        **connection(settings), enable_idempotence=True, linger_ms=LINGER_MS, max_batch_size=BATCH_BYTES
    )
    async with _started(producer, settings):
        yield producer


@asynccontextmanager
async def open_reader(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    """A started consumer that belongs to no group and commits nothing; it sees committed transactions alone.

    Raises:
        BrokerUnavailableError: no broker answers.
    """
    reader = AIOKafkaConsumer(
        **connection(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    async with _started(reader, settings):
        yield reader


async def create_missing_topics(settings: Settings, *names: str) -> None:
    """Create the topics that do not exist yet with 8 partitions; those that exist stay as they are.

    Raises:
        BrokerUnavailableError: no broker answers.
        NotAllowedError: the user may not create topics.
        FrameworkError: the broker refuses for another reason, which the message has.
    """
    admin = AIOKafkaAdminClient(**connection(settings))
    async with _started(admin, settings):
        copies = settings.topic_replication_factor
        answer = await admin.create_topics([NewTopic(name, PARTITIONS, copies) for name in names])
    for name, code, *rest in answer.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            kind = NotAllowedError if "Authorization" in error.__name__ else FrameworkError
            raise kind(f"The topic {name} could not be created: {error.__name__}, {rest[:1] or error.description}.")


async def existing_partitions(settings: Settings, names: Iterable[str]) -> set[TopicPartition]:
    """The partitions of those of the topics that exist; asking creates none.

    Raises:
        BrokerUnavailableError: no broker answers.
    """
    admin = AIOKafkaAdminClient(**connection(settings))
    async with _started(admin, settings):
        existing = set(await admin.list_topics()) & set(names)
        described = await admin.describe_topics(sorted(existing)) if existing else []
    return {TopicPartition(topic["topic"], each["partition"]) for topic in described for each in topic["partitions"]}


@asynccontextmanager
async def _started(client: Any, settings: Settings) -> AsyncIterator[None]:
    """Start the client, and stop (or close) it in the end, also when it did not start."""
    stop = getattr(client, "stop", None) or client.close
    try:
        try:
            await client.start()
        except KafkaConnectionError as error:
            raise BrokerUnavailableError(
                f"No broker answers at {settings.bootstrap_servers}: {error}. Start Kafka there ('framework kafka up'"
                " does on this machine), or set FRAMEWORK_BOOTSTRAP_SERVERS to where it runs."
            ) from None
        yield
    finally:
        await stop()
