"""An aiokafka producer without a broker: its cluster is made up, and what its sender would do is done by hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.producer import AIOKafkaProducer
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.structs import PartitionMetadata, TopicPartition

NODE = 1


class OfflineClient(AIOKafkaProducer):
    """Takes records as always; `take`, `Taken.done`, `Taken.fail` and `Taken.again` are the sender's part."""

    def know(self, topic: str, partitions: int) -> None:
        """Have a topic's metadata come in; no partitions: the topic is gone."""
        known = {number: PartitionMetadata(topic, number, NODE, [NODE], [NODE], 0) for number in range(partitions)}
        if partitions:
            self._metadata._partitions[topic] = known
        else:
            self._metadata._partitions.pop(topic, None)
        for listener in self._metadata._listeners:
            listener(self._metadata)

    def take(self) -> list["Taken"]:
        """Take the first batch of each partition, as the sender does before its requests."""
        nodes, _ = self._message_accumulator.drain_by_nodes(ignore_nodes=())
        return [Taken(self, batch) for batches in nodes.values() for batch in batches.values()]


class Taken:
    """A batch that the sender has in hand."""

    def __init__(self, client: OfflineClient, batch: Any) -> None:
        self._client, self._batch = client, batch
        self.tp: TopicPartition = batch.tp

    def records(self) -> list[tuple[bytes | None, bytes | None]]:
        """Key and value of each record, as a broker reads them."""
        return [(record.key, record.value) for record in self.build()]

    def build(self) -> list[Any]:
        """Build the batch as for a request, and read it."""
        return list(DefaultRecordBatch(bytes(self._batch.get_data_buffer())))

    def done(self, offset: int, timestamp: int = -1) -> None:
        """The broker has acknowledged it."""
        self._batch.done(offset, timestamp)

    def fail(self, error: BaseException) -> None:
        """It is given up."""
        self._batch.failure(error)

    def again(self) -> None:
        """It is to be sent again."""
        self._client._message_accumulator.reenqueue(self._batch)


@asynccontextmanager
async def offline_client(**options: Any) -> AsyncIterator[OfflineClient]:
    """A client that knows the topic `flights` with four partitions."""
    client = OfflineClient(bootstrap_servers="127.0.0.1:1", **options)
    client.know("flights", 4)
    try:
        yield client
    finally:
        client._closed = True
