"""The few requests that the roster's topic takes, on connections of their own; knows nothing of what the records say.

aiokafka's producer and consumer ask for a topic's metadata in a way that lets a broker with `auto.create.topics.enable`
create the topic, with settings that are wrong for a roster; again and again, once it was deleted. Here every metadata
request forbids that. And a write is one request, so that nothing is ever queued behind a broker that is away.
"""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import aiokafka.errors as kafka_errors
from aiokafka.conn import create_conn
from aiokafka.protocol.admin import CreateTopicsRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.protocol.produce import ProduceRequest

from framework.closing import cut
from framework.membership.connection import Connection
from framework.membership.roster_batches import Fetched, decode_batches, encode_batch
from framework.membership.roster_metadata import NOT_GIVEN, TopicMetadataRequest, may_write

WIRE_ERRORS = (kafka_errors.KafkaError, OSError, EOFError)
"""What the methods of `Wire` raise, time-outs included: `TimeoutError` is an `OSError`. The wire is of no use then."""

CONNECT_WITHIN = 3.0
"""Seconds after which one address counts as away."""

ANSWER_WITHIN = 5.0
"""Seconds that an answer may take, beyond what the broker was told to wait."""

CLOSE_WITHIN = 0.5
"""Seconds that connections get to close in order."""

_PASSING = (
    kafka_errors.LeaderNotAvailableError,
    kafka_errors.NotLeaderForPartitionError,
    kafka_errors.UnknownTopicOrPartitionError,
)
_LOOKS = 10
_EARLIEST = -2
_MOST_BYTES = 1 << 20


class Wire:
    """Connections to the leaders of one topic's partitions; made by `connect`, closed as a context manager.

    Every method raises one of `WIRE_ERRORS`. A broker answers the requests of one connection one after the other, so a
    wire that waits for records must not be used to write.
    """

    def __init__(self, connection: Connection, topic: str, longest_wait: float) -> None:
        self.topic = topic
        self._connection = connection
        self._timeout = longest_wait + ANSWER_WITHIN
        self._open: dict[tuple[str, int], Any] = {}
        self._brokers: dict[int, tuple[str, int]] = {}
        self._controller = -1
        self._leaders: dict[int, int] = {}
        self._rights = NOT_GIVEN

    @classmethod
    async def connect(cls, connection: Connection, topic: str, longest_wait: float = 0.0) -> Self:
        """Ask the first broker that answers where the topic's partitions are.

        Args:
            connection: how to reach the brokers.
            topic: need not exist.
            longest_wait: seconds that a fetch may be told to wait.
        """
        wire = cls(connection, topic, longest_wait)
        try:
            await wire._bootstrap()
        except BaseException:
            await wire.close()
            raise
        return wire

    @property
    def partitions(self) -> int:
        """How many the topic has; 0 if it does not exist."""
        return len(self._leaders)

    @property
    def is_ready(self) -> bool:
        """Whether the topic exists and all of its partitions have a leader."""
        return bool(self._leaders) and -1 not in self._leaders.values()

    @property
    def may_write(self) -> bool:
        """Whether this user was allowed to write to the topic when it was located last."""
        return may_write(self._rights)

    async def locate(self) -> None:
        """Look again where the topic's partitions are, and what this user may do with it."""
        answer = (await self._ask(next(iter(self._open)), TopicMetadataRequest(self.topic))).to_object()
        self._brokers = {found["node_id"]: (found["host"], found["port"]) for found in answer["brokers"]}
        self._controller = answer["controller_id"]
        [topic] = answer["topics"]
        if topic["error_code"] == kafka_errors.UnknownTopicOrPartitionError.errno:
            self._leaders = {}
            return
        # A topic that was just created has an error of its own, until its partitions have leaders.
        if topic["error_code"] != kafka_errors.LeaderNotAvailableError.errno:
            _check(topic["error_code"])
        self._leaders = {found["partition"]: found["leader"] for found in topic["partitions"]}
        self._rights = topic["authorized_operations"]

    async def create(self, partitions: int, replication_factor: int, configs: Mapping[str, str]) -> bool:
        """Create the topic; returns False if somebody was faster."""
        if self._controller not in self._brokers:
            raise kafka_errors.NotControllerError
        wanted: Any = (self.topic, partitions, replication_factor, [], list(configs.items()))
        request = CreateTopicsRequest([wanted], timeout=round(ANSWER_WITHIN * 1000), validate_only=False)
        answer = await self._ask(self._brokers[self._controller], request)
        [result] = answer.to_object()["topic_errors"]
        if result["error_code"] == kafka_errors.TopicAlreadyExistsError.errno:
            return False
        _check(result["error_code"], result.get("error_message"))
        return True

    async def write(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Write one record and wait until the leader has it."""
        request = ProduceRequest(
            transactional_id=None,
            required_acks=1,
            timeout=round(ANSWER_WITHIN * 1000),
            topics=[(self.topic, [(partition, encode_batch(key, value))])],
        )
        await self._ask_leader(partition, request)

    async def earliest(self, partition: int) -> int:
        """The first offset of a partition that still exists."""
        request = OffsetRequest(-1, 0, [(self.topic, [(partition, _EARLIEST)])])
        return int((await self._ask_leader(partition, request))["offset"])

    async def fetch(self, positions: Mapping[int, int], wait: float) -> dict[int, Fetched]:
        """Read on, `{partition: offset}` to `{partition: what was found}`.

        A broker answers as soon as it has anything, and after `wait` seconds at the latest.
        """
        by_leader: dict[tuple[str, int], list[tuple[int, int, int]]] = {}
        for partition, offset in positions.items():
            by_leader.setdefault(self._leader_of(partition), []).append((partition, offset, _MOST_BYTES))
        answers = await asyncio.gather(
            *(self._fetch_from(leader, partitions, wait) for leader, partitions in by_leader.items())
        )
        found: dict[int, Fetched] = {}
        # Not as an object: aiokafka cannot make one of an answer without a list of aborted transactions.
        for partition, error_code, end, *_, batches in (each for answer in answers for each in answer):
            _check(error_code)
            found[partition] = decode_batches(batches, positions[partition], end)
        return found

    async def _fetch_from(
        self, leader: tuple[str, int], partitions: list[tuple[int, int, int]], wait: float
    ) -> list[tuple[Any, ...]]:
        request = FetchRequest(round(wait * 1000), 1, 4 * _MOST_BYTES, 0, [(self.topic, partitions)])
        answer = await self._ask(leader, request, wait)
        return [partition for _, partitions in answer.topics for partition in partitions]

    async def close(self) -> None:
        """Close every connection."""
        connections = list(self._open.values())
        self._open.clear()
        closing = [future for connection in connections if (future := connection.close()) is not None]
        if closing:
            _, late = await asyncio.wait(closing, timeout=CLOSE_WITHIN)
            if late:
                cut(connections)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _bootstrap(self) -> None:
        away: BaseException | None = None
        for address in self._connection.addresses:
            host, _, port = address.rpartition(":")
            first = host.strip("[]"), int(port)
            try:
                await self._connect_to(first)
                await self.locate()
            except kafka_errors.BrokerResponseError:
                raise
            except WIRE_ERRORS as exc:
                away = exc
                await self.close()
            else:
                if self._brokers and first not in self._brokers.values():
                    # The broker calls itself otherwise; two connections to it would be one too many.
                    await self._connect_to(next(iter(self._brokers.values())))
                    self._open.pop(first).close()
                return
        raise away or kafka_errors.KafkaConnectionError("no address")

    async def _connect_to(self, broker: tuple[str, int]) -> Any:
        if broker not in self._open:
            async with asyncio.timeout(CONNECT_WITHIN):
                self._open[broker] = await create_conn(
                    *broker,
                    client_id=self._connection.client_id,
                    request_timeout_ms=round(self._timeout * 1000),
                    **self._connection.security,
                )
        return self._open[broker]

    async def _ask(self, broker: tuple[str, int], request: Any, wait: float = 0.0) -> Any:
        connection = await self._connect_to(broker)
        async with asyncio.timeout(wait + ANSWER_WITHIN):
            answer = await connection.send(request)
        return answer

    async def _ask_leader(self, partition: int, request: Any) -> dict[str, Any]:
        """Ask the leader of a partition; looks where it is now if that was another, or has not quite become it yet."""
        for _ in range(_LOOKS):
            try:
                answer = await self._ask(self._leader_of(partition), request)
                [found] = _of_partitions(answer)
                _check(found["error_code"])
            except _PASSING as exc:
                passing = exc
                await asyncio.sleep(0.1)
                await self.locate()
                if not self.partitions:
                    raise
            else:
                return found
        raise passing

    def _leader_of(self, partition: int) -> tuple[str, int]:
        if not self._leaders:
            raise kafka_errors.UnknownTopicOrPartitionError
        leader = self._leaders.get(partition, -1)
        if leader not in self._brokers:
            raise kafka_errors.LeaderNotAvailableError
        return self._brokers[leader]


def _check(error_code: int, message: str | None = None) -> None:
    if error_code == kafka_errors.NoError.errno:
        return
    error = kafka_errors.for_code(error_code)
    said = [message] if message else []
    if error.errno != error_code:
        said.append(f"error {error_code}")
    raise error(*said)


def _of_partitions(answer: Any) -> list[dict[str, Any]]:
    return [partition for topic in answer.to_object()["topics"] for partition in topic["partitions"]]
