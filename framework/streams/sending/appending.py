"""Appends records straight to aiokafka's open batches, one partition or one topic at a time; waits for nothing.

aiokafka's own `send` makes coroutines, a future and a log line for each record. Here a record is one call of the
batch's compiled `append`. Records that are sent the ordinary way may come in between.
"""

from collections.abc import Iterator
from random import random
from time import monotonic
from typing import TYPE_CHECKING, Any

from aiokafka.structs import TopicPartition

from framework.streams.sending.accumulating import Accumulator, Chooser
from framework.streams.sending.partitioning import partition_of
from framework.streams.sending.sent import Parcel, Sent

if TYPE_CHECKING:
    from framework.streams.sending.outbox import Outbox

Headers = list[tuple[str, bytes]]
NO_HEADERS: Headers = []

Record = tuple[bytes | None, bytes | None, Headers]
"""Key, value and headers."""

MAX_KEYS = 16_384
"""Keys of one topic whose partition is remembered; when there are more, all are forgotten."""

LONGEST_KEY = 256
"""Bytes of a key that is remembered at most; the partition of a longer one is computed for each record."""


class _Taken:
    """Stands for a batch that takes no more records."""

    _retry_count = 1
    _closed = True


class Appender:
    """One partition's open batch.

    Two signs say that a batch takes no more: the sender has taken it (`_retry_count`), or it was closed. The first
    comes before the second: a batch that was taken may wait for its request without being built, but its records have
    been counted. One that is to be sent again is back in the queue, and has both signs.
    """

    __slots__ = ("_append", "_batch", "_builder", "_outbox", "_parcel", "_tp")

    def __init__(self, outbox: "Outbox", tp: TopicPartition) -> None:
        self._outbox, self._tp = outbox, tp
        self._batch: Any = _Taken
        self._builder: Any = _Taken
        self._append: Any = None
        self._parcel: Any = None

    def post(self, key: bytes | None, value: bytes | None, timestamp: int | None, headers: Headers) -> Sent | None:
        """Append a record to the open batch; None if there is none, or no room in it."""
        builder = self._builder
        if self._batch._retry_count or builder._closed:
            return None
        offset = builder._relative_offset
        record = self._append(offset, timestamp, key, value, headers)
        if record is None:
            builder.close()
            return None
        builder._relative_offset = offset + 1
        parcel = self._parcel
        parcel.posted += 1
        return Sent(parcel, record)

    def post_many(self, records: Iterator[Record]) -> tuple[Sent | None, Record | None]:
        """Append records to the open batch, as `post` does each.

        Returns:
            the last that was appended, and the one that there was no batch or no room for; the rest is not taken.
        """
        builder, parcel = self._builder, self._parcel
        if self._batch._retry_count or builder._closed:
            return None, next(records, None)
        append, last, left = self._append, None, None
        first = offset = builder._relative_offset
        try:
            for left in records:
                key, value, headers = left
                record = append(offset, None, key, value, headers)
                if record is None:
                    builder.close()
                    break
                last, offset = record, offset + 1
            else:
                left = None
        finally:
            # Also where one cannot be appended: those before it are in the batch.
            builder._relative_offset = offset
            parcel.posted += offset - first
        return None if last is None else Sent(parcel, last), left

    def post_first(
        self, key: bytes | None, value: bytes | None, timestamp: int | None, headers: Headers
    ) -> Sent | None:
        """Append a record after opening a batch; None if too much is on its way already.

        A batch takes its first record whatever the size, so that is where sizes are checked.

        Raises:
            aiokafka.errors.KafkaError: the client refuses the record.
        """
        self._settle()
        accumulator = self._outbox.accumulator
        if accumulator is None or self._outbox.is_full:
            return None
        accumulator.check(key, value, headers)
        batch = accumulator.open_batch(self._tp)
        if batch is not None:
            self._take(batch)
            sent = self.post(key, value, timestamp, headers)
            if sent is not None:
                return sent
        self._take(accumulator.new_batch(self._tp))
        return self.post(key, value, timestamp, headers)

    def drop(self, parcel: Parcel) -> None:
        """Let go of a batch that has come to its end."""
        if self._parcel is parcel:
            self._batch = self._builder = _Taken
            self._append = self._parcel = None

    def _take(self, batch: Any) -> None:
        self._settle()
        self._batch, self._builder = batch, batch._builder
        self._append = batch._builder._builder.append
        self._parcel = Parcel(self._tp.topic, self._tp.partition, batch.future, monotonic())
        self._outbox.register(self._parcel, self)

    def _settle(self) -> None:
        """Count the bytes of the batch that is full, or was taken."""
        if self._parcel is not None:
            self._outbox.account(self._parcel, self._builder.size())


class TopicAppender:
    """One topic's partitions, and which key goes to which of them."""

    __slots__ = ("_all", "_available", "_by_key", "_by_partition", "_chooser", "_outbox", "_topic")

    def __init__(self, outbox: "Outbox", topic: str) -> None:
        self._outbox, self._topic = outbox, topic
        self._by_key: dict[bytes, Appender] = {}
        self._by_partition: dict[int, Appender] = {}
        self._all: list[int] = []
        self._available: list[int] = []
        self._chooser: Chooser | None = None

    @property
    def is_known(self) -> bool:
        """Whether the client has the topic's metadata."""
        return bool(self._all)

    def refresh(self, accumulator: Accumulator | None) -> None:
        """Take in the client's metadata; if the partitions have changed, what is remembered of them is forgotten."""
        everything: list[int] = []
        self._available = []
        if accumulator is not None:
            everything, self._available = accumulator.partitions(self._topic)
            self._chooser = accumulator.chooser(self._topic)
        if everything != self._all:
            self._all = everything
            self._by_key.clear()
            self._by_partition.clear()

    def post(
        self,
        key: bytes | None,
        value: bytes | None,
        partition: int | None = None,
        timestamp: int | None = None,
        headers: Headers = NO_HEADERS,
    ) -> Sent | None:
        """Append a record at once; None if that needs waiting, for metadata or for room.

        Args:
            key: None for a record without.
            value: None for a tombstone.
            partition: None leaves it to the key.
            timestamp: ms; None for now.
            headers: as the client takes them.

        Raises:
            aiokafka.errors.KafkaError: the client refuses the record.
        """
        appender = self._by_key.get(key) if partition is None and key is not None else None
        if appender is None:
            if not self._all:
                return None
            appender = self._appender(self._choose(key, value) if partition is None else partition)
            assert not (value is None and key is None), "Need at least one: key or value"
            if partition is None and key is not None and self._chooser is None:
                self._remember(key, appender)
        sent = appender.post(key, value, timestamp, headers)
        return appender.post_first(key, value, timestamp, headers) if sent is None else sent

    def post_many(self, partition: int, records: Iterator[Record]) -> tuple[Sent | None, Record | None]:
        """Append records to a partition's open batch.

        Returns:
            the last that was appended, and the one that did not go in: `post` does what is to be done for it.
        """
        return self._appender(partition).post_many(records) if partition in self._all else (None, next(records, None))

    def _choose(self, key: bytes | None, value: bytes | None) -> int:
        if self._chooser is not None:
            return self._chooser(key, value)
        if key is None:
            among = self._available or self._all
            return among[int(random() * len(among))]  # noqa: S311 - as the client's
        return partition_of(key, self._all)

    def _remember(self, key: bytes, appender: Appender) -> None:
        if len(key) > LONGEST_KEY:
            return
        if len(self._by_key) >= MAX_KEYS:
            self._by_key.clear()
        self._by_key[key] = appender

    def _appender(self, partition: int) -> Appender:
        appender = self._by_partition.get(partition)
        if appender is None:
            assert partition in self._all, "Unrecognized partition"
            appender = self._by_partition[partition] = Appender(self._outbox, TopicPartition(self._topic, partition))
        return appender
