"""Says where a partition is read on somewhere else because its log does not have the position; decides nothing."""

from time import monotonic
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import OffsetOutOfRangeError
from aiokafka.protocol.fetch import FetchRequest

log = structlog.get_logger(__name__)

REASON = "records were deleted, or the topic was made anew or cut off; consumer_auto_offset_reset says where to go on"

ONCE_WITHIN = 10.0
"""Seconds in which the same position of a partition is said once.

An assignment may come upon it twice, step by step: fetching begins with the assignment, finds it and goes elsewhere;
when tables are recovered, `DeliveringConsumer.perform_seek` goes back to what is committed, which is still the same.
"""


class RangeWatch:
    """An `AIOKafkaClient` for a fetcher, which looks at what is answered.

    aiokafka goes by itself to where `auto_offset_reset` says, and tells nobody. Whatever lay between is not read: by
    retention, by hand or with its topic it was deleted before anybody had it.

    Args:
        client: does everything.
        subscription: knows the positions.
        reset: `earliest`, `latest` or `none`. With `none` the error itself is raised.
    """

    def __init__(self, client: Any, subscription: SubscriptionState, reset: str) -> None:
        self._client, self._subscription = client, subscription
        self._to = {"earliest": "beginning", "latest": "end"}.get(reset)
        self._said: dict[TopicPartition, tuple[int, float]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def send(self, node_id: Any, request: Any, **options: Any) -> Any:
        """As the client's."""
        response = await self._client.send(node_id, request, **options)
        if self._to is not None and isinstance(request, FetchRequest):
            self._look(request, response)
        return response

    def _look(self, request: Any, response: Any) -> None:
        missing = {
            TopicPartition(topic, partition)
            for topic, partitions in response.topics
            for partition, code, *_ in partitions
            if code == OffsetOutOfRangeError.errno
        }
        if not missing:
            return
        for topic, partitions in request.topics:
            for partition, offset, *_ in partitions:
                tp = TopicPartition(topic, partition)
                if tp in missing and self._is_at(tp, offset):
                    self._say(tp, offset)

    def _say(self, tp: TopicPartition, offset: int) -> None:
        before, said_at = self._said.get(tp, (None, 0.0))
        self._said[tp] = offset, monotonic()
        if before != offset or monotonic() - said_at > ONCE_WITHIN:
            where = {"topic": tp.topic, "partition": tp.partition, "offset": offset}
            log.warning("delivery.out_of_range", **where, goes_on_at=self._to, reason=REASON)

    def _is_at(self, tp: TopicPartition, offset: int) -> bool:
        """Whether the answer still counts: the position may have been set meanwhile, or the partition taken away."""
        assignment = self._subscription.subscription and self._subscription.subscription.assignment
        if assignment is None or tp not in assignment.tps:
            return False
        state = assignment.state_value(tp)
        return bool(state.has_valid_position and state.position == offset)
