"""What appending needs of an aiokafka producer: its partitions, its queues of batches, and what it refuses."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

from aiokafka.errors import MessageSizeTooLargeError, ProducerClosed
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition

Chooser = Callable[[bytes | None, bytes | None], int]
"""Gives the partition of a key and a value."""


class Accumulator:
    """An `AIOKafkaProducer`, seen from the side where records come in.

    Its queue of a partition may hold any number of batches; the sender takes the first of each, and no other of that
    partition until it has been acknowledged or put back in front. So the order in a partition is that of the appends.
    """

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self._batches = producer._message_accumulator
        # The client looks at the size of each record that it is given. Here only that of a batch's first one is looked
        # at, see `check`; another one fits into its batch, so it is no larger than that.
        self._batches._batch_size = min(self._batches._batch_size, producer._max_request_size)

    @property
    def timeout(self) -> float:
        """Seconds after which the client gives up on a record."""
        return float(self._producer._request_timeout_ms) / 1000

    @property
    def retry_backoff(self) -> float:
        """Seconds between two looks at the metadata."""
        return float(self._producer.client._retry_backoff)

    def on_metadata(self, listener: Callable[[Any], None]) -> None:
        """Have a function called with the cluster after each update of the metadata."""
        self._producer._metadata.add_listener(listener)

    async def wait_for_metadata(self, topic: str) -> None:
        """Have the client ask for a topic, which makes brokers create it where they may.

        Raises:
            aiokafka.errors.KafkaError: there is none, or it is not ours to see.
        """
        await self._producer.client._wait_on_metadata(topic)

    def partitions(self, topic: str) -> tuple[list[int], list[int]]:
        """All partitions of a topic in the client's order, and those that have a leader; none if it is not known.

        Whoever asks will send to it, so that the client has to remember it (see `remember_topics`).
        """
        cluster = self._producer._metadata
        known = cluster.partitions_for_topic(topic)
        if known is None:
            return [], []
        self._producer.client._topics.add(topic)
        return list(known), list(cluster.available_partitions_for_topic(topic) or ())

    def chooser(self, topic: str) -> Chooser | None:
        """The user's partitioner; None if it is aiokafka's own, whose choice depends on the key alone."""
        if type(self._producer._partitioner) is DefaultPartitioner:
            return None
        return partial(self._choose, topic)

    def _choose(self, topic: str, key: bytes | None, value: bytes | None) -> int:
        chosen: int = self._producer._partition(topic, None, None, None, key, value)
        return chosen

    def check(self, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
        """Refuse what the client's own `send` refuses.

        Raises:
            aiokafka.errors.KafkaError: the producer is closed or has failed, or a request cannot be that large.
        """
        if self._batches._closed or self._producer._closed:
            raise ProducerClosed
        if self._batches._exception is not None:
            raise copy.copy(self._batches._exception)
        size = DefaultRecordBatchBuilder.estimate_size_in_bytes(key, value, headers)
        if size > self._producer._max_request_size:
            raise MessageSizeTooLargeError(
                f"The message is {size} bytes when serialized which is larger than the maximum request size you have"
                " configured with the max_request_size configuration"
            )

    def open_batch(self, tp: TopicPartition) -> Any:
        """The partition's last batch if it takes records; None if there is no such batch."""
        waiting = self._batches._batches.get(tp)
        if not waiting or waiting[-1]._retry_count or waiting[-1]._builder._closed:
            return None
        return waiting[-1]

    def new_batch(self, tp: TopicPartition) -> Any:
        """A new last batch of a partition."""
        return self._batches._append_batch(self._batches.create_builder(), tp)
