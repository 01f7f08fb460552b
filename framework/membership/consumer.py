"""aiokafka's consumer around our member of the group; touches the privates it is built from."""

from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import Fetcher

from framework.closing import bound_close
from framework.membership.coordinator import StaticGroupCoordinator
from framework.membership.coordinator_joining import Assignor
from framework.membership.coordinator_requests import Listener
from framework.streams.reading.out_of_range import RangeWatch


class StaticConsumer(AIOKafkaConsumer):
    """aiokafka's consumer around a `StaticGroupCoordinator`."""

    def __init__(
        self,
        *,
        assignor: Assignor,
        client_id: str,
        listener: Listener,
        **kwargs: Any,
    ) -> None:
        super().__init__(partition_assignment_strategy=(assignor,), client_id=client_id, **kwargs)
        bound_close(self._client)
        self._assignor = assignor
        self._name = client_id
        self._listener = listener

    async def start(self) -> None:
        """Connect and start the member; it joins with the first `subscribe`."""
        await self._client.bootstrap()
        self._fetcher = Fetcher(
            RangeWatch(self._client, self._subscription, self._auto_offset_reset),
            self._subscription,
            key_deserializer=None,
            value_deserializer=None,
            fetch_min_bytes=self._fetch_min_bytes,
            fetch_max_bytes=self._fetch_max_bytes,
            fetch_max_wait_ms=self._fetch_max_wait_ms,
            max_partition_fetch_bytes=self._max_partition_fetch_bytes,
            check_crcs=self._check_crcs,
            fetcher_timeout=self._consumer_timeout,
            retry_backoff_ms=self._retry_backoff_ms,
            auto_offset_reset=self._auto_offset_reset,
            isolation_level=self._isolation_level,
            client_rack=self._client_rack,
        )
        self._coordinator = StaticGroupCoordinator(
            self._client,
            self._subscription,
            assignor=self._assignor,
            client_id=self._name,
            listener=self._listener,
            group_id=self._group_id,
            group_instance_id=self._group_instance_id,
            heartbeat_interval_ms=self._heartbeat_interval_ms,
            session_timeout_ms=self._session_timeout_ms,
            retry_backoff_ms=self._retry_backoff_ms,
            enable_auto_commit=False,
            exclude_internal_topics=self._exclude_internal_topics,
            rebalance_timeout_ms=self._rebalance_timeout_ms,
            max_poll_interval_ms=self._max_poll_interval_ms,
        )

    @property
    def coordinator(self) -> StaticGroupCoordinator:
        """The member of the group."""
        return self._coordinator

    def position_of(self, partition: TopicPartition) -> int | None:
        """Offset of the next record that will be handed out, gaps behind the last one passed.

        None while it is not known, or the partition is not assigned; aiokafka's own `position` would wait.
        """
        subscription = self._subscription.subscription
        if subscription is None or subscription.assignment is None or partition not in subscription.assignment.tps:
            return None
        state = subscription.assignment.state_value(partition)
        return int(state.position) if state.has_valid_position else None

    async def count_partitions(self, topics: Iterable[str]) -> dict[str, int]:
        """`{topic: number of partitions}` of those that exist; they need not be subscribed, and none is created.

        Raises:
            KafkaError: no broker answers.
        """
        cluster = await self._client.fetch_all_metadata()
        return {topic: len(found) for topic in topics if (found := cluster.partitions_for_topic(topic))}
