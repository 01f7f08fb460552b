"""Questions to brokers and group coordinators, asked again while they cannot be answered; knows none of the answers."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Self, TypeVar

import aiokafka.errors as kafka_errors
from aiokafka.client import AIOKafkaClient, CoordinationType

from framework.backoff import Backoff
from framework.closing import bound_close
from framework.errors import BrokerUnavailableError, FrameworkError, GroupFailedError, GroupNotAllowedError
from framework.membership.connection import Connection
from framework.membership.probe import probe
from framework.membership.reactions import Reaction, reaction_to

T = TypeVar("T")

REQUEST_TIMEOUT = 10.0
"""Seconds after which one request counts as lost."""

_BACKOFF = Backoff(initial=0.1, maximum=1.0)


class Refusal(Exception):
    """Raised inside a question whose answer has this error code; what becomes of it is decided in one place."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Asking:
    """A connection for questions.

    Args:
        connection: how to reach the brokers.
        patience: seconds to go on asking while the coordinator moves or a broker does not answer.
    """

    def __init__(self, connection: Connection, patience: float) -> None:
        self._connection = connection
        self._patience = patience
        self._client: Any = None
        self._coordinators: dict[str, int] = {}

    async def start(self) -> Self:
        """Connect to the first broker that answers.

        Raises:
            BrokerUnavailableError: none did.
            NotAllowedError: one did, but refused the credentials, or its certificate is not to be trusted.
        """
        options = {**self._connection.options(), "request_timeout_ms": round(REQUEST_TIMEOUT * 1000)}
        self._client = AIOKafkaClient(**options)
        bound_close(self._client)
        try:
            await self._client.bootstrap()
        except kafka_errors.KafkaError as exc:
            await self.close()
            await probe(self._connection.addresses, self._connection.security, REQUEST_TIMEOUT)
            raise BrokerUnavailableError(f"No broker told of its cluster ({exc}). Try again in a moment.") from exc
        except BaseException:
            await self.close()
            raise
        return self

    async def close(self) -> None:
        """Close all connections. Safe to call again."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def to_coordinator(self, group_id: str, request: Any) -> Any:
        """The coordinator's answer; who it is, is asked once and remembered until it does not answer rightly."""
        node = self._coordinators.get(group_id)
        if node is None:
            self._any_node()
            node = await self._client.coordinator_lookup(CoordinationType.GROUP, group_id)
            self._coordinators[group_id] = node
        return await self._client.send(node, request)

    async def to_any(self, request: Any) -> Any:
        """The answer of any broker."""
        return await self._client.send(self._any_node(), request)

    def _any_node(self) -> int:
        """A broker. One that has just begun may tell of none, not even of itself: then there is none yet."""
        node: int | None = self._client.get_random_node()
        if node is None:
            raise kafka_errors.NodeNotReadyError("the brokers know of none yet")
        return node

    async def to_node(self, node: int, request: Any) -> Any:
        """The answer of one broker."""
        return await self._client.send(node, request)

    async def persist(self, group_id: str | None, ask: Callable[[], Awaitable[T]]) -> T:
        """Call `ask` until it returns, and return that.

        Args:
            group_id: which group it is about; None where it is about topics alone.
            ask: asks by the methods above; raises `Refusal` for an error code.

        Raises:
            GroupNotAllowedError: a right is missing.
            GroupFailedError: the answer was an error that no retry can mend.
            BrokerUnavailableError: there was no answer for as long as patience lasts.
        """
        end = time.monotonic() + self._patience
        attempt = 0
        while True:
            try:
                return await ask()
            except (Refusal, kafka_errors.KafkaError, OSError, TimeoutError, NotImplementedError) as exc:
                if (error := _final(group_id, exc)) is not None:
                    raise error from exc
                attempt += 1
                pause = _BACKOFF.delay(attempt)
                if time.monotonic() + pause > end:
                    raise self._gave_up(group_id, exc) from exc
                self._coordinators.clear()
                self._client.force_metadata_update()
                await asyncio.sleep(pause)

    def _gave_up(self, group_id: str | None, exc: BaseException) -> BrokerUnavailableError:
        return BrokerUnavailableError(
            f"No broker of {', '.join(self._connection.addresses)} answered a question about {_about(group_id)} within"
            f" {self._patience:g} s; the last try ended with {_name(exc)}. Check that the brokers run, and try again."
        )


def _about(group_id: str | None) -> str:
    return "topics" if group_id is None else f"group {group_id!r}"


def _final(group_id: str | None, exc: BaseException) -> FrameworkError | None:
    """The error that ends the asking, or None for what may pass."""
    if isinstance(exc, NotImplementedError | kafka_errors.IncompatibleBrokerVersion):
        return GroupFailedError(
            "The broker is too old: the framework needs Apache Kafka 2.4 or newer.", group_id=group_id
        )
    code = _code(exc)
    if code is None or reaction_to(code, retriable=kafka_errors.for_code(code).retriable) is not Reaction.FAIL:
        return None
    if code in (29, 30):
        return GroupNotAllowedError(
            f"The broker refused this user's question about {_about(group_id)} ({_name(exc)}). Grant the user DESCRIBE"
            " on the group and on its topics, and READ on the group if it is to remove seats.",
            group_id=group_id,
        )
    return GroupFailedError(
        f"The broker answered a question about {_about(group_id)} with error {code} ({_name(exc)}), which no retry can"
        " mend. See the log of the broker.",
        group_id=group_id,
    )


def _code(exc: BaseException) -> int | None:
    if isinstance(exc, Refusal):
        return exc.code
    return exc.errno if isinstance(exc, kafka_errors.BrokerResponseError) else None


def _name(exc: BaseException) -> str:
    code = _code(exc)
    if code is None:
        return type(exc).__name__
    # The library calls a code that it does not know by that of another.
    return str(kafka_errors.for_code(code).message) if code in kafka_errors.kafka_errors else f"error {code}"
