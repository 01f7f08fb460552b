"""The producer's way out for records that need no future of their own: bounded, in order, no failure unnoticed."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from aiokafka.errors import KafkaError, KafkaTimeoutError
from faust.exceptions import NotReady, ProducerSendError

from framework.streams.sending.accumulating import Accumulator
from framework.streams.sending.appending import NO_HEADERS, Appender, TopicAppender
from framework.streams.sending.losses import Losses, Single
from framework.streams.sending.send_counts import count_batch
from framework.streams.sending.sent import Parcel, Sent

MAX_ON_THE_WAY = 3 * 1024 * 1024
"""Bytes that may wait for the brokers before senders wait. Each partition's newest batch may come on top."""

UNTIL_TOLD = 0.1
"""Seconds after which whoever awaits a `FutureMessage` that has failed has surely been told."""


class Outbox:
    """Takes records for one aiokafka producer.

    What the client has given up on is logged, and `flush` tells of it for good, unless whoever sent it has looked: then
    it is theirs. A commit comes after a flush, so what a lost record was made from is read again.

    Args:
        sensors: Faust's.
    """

    def __init__(self, sensors: Iterable[Any] = ()) -> None:
        self._sensors = sensors
        self._accumulator: Accumulator | None = None
        self._topics: dict[str, TopicAppender] = {}
        self._on_the_way: set[Parcel] = set()
        self._bytes = 0
        self._losses = Losses()
        self._soon: set[Any] = set()
        self._has_room = asyncio.Event()

    # --- the client ---------------------------------------------------------------------------------------------------

    def attach(self, producer: Any) -> None:
        """Send through an `AIOKafkaProducer` from here on."""
        self._accumulator = Accumulator(producer)
        self._accumulator.on_metadata(self._on_metadata)
        self._on_metadata(None)

    def detach(self) -> None:
        """Take no more records; those that were posted are the client's to send or to give up."""
        self._accumulator = None
        self._on_metadata(None)
        self._topics.clear()
        self._has_room.set()

    def topic(self, name: str) -> TopicAppender:
        """What appends to one topic; after `detach` it takes nothing any more."""
        appender = self._topics.get(name)
        if appender is None:
            appender = self._topics[name] = TopicAppender(self, name)
            appender.refresh(self._accumulator)
        return appender

    def _on_metadata(self, _: Any) -> None:
        for topic in self._topics.values():
            topic.refresh(self._accumulator)

    # --- posting ------------------------------------------------------------------------------------------------------

    def post_now(
        self,
        topic: str,
        partition: int | None,
        key: bytes | None,
        value: bytes | None,
        *,
        timestamp: float | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> Sent | None:
        """Send a record if nothing has to be waited for; else return None, and nothing has happened.

        Args:
            topic: its name.
            partition: None leaves it to the key.
            key: as it is sent.
            value: as it is sent; None for a tombstone.
            timestamp: seconds since 1970; None for now.
            headers: name and value of each.

        Raises:
            ProducerSendError: the client is closed or has failed, or a request cannot be as large as the record.
        """
        ms = None if timestamp is None else int(timestamp * 1000.0)
        try:
            return self.topic(topic).post(key, value, partition, ms, list(headers) if headers else NO_HEADERS)
        except KafkaError as error:
            raise refused(error) from error

    async def post(
        self,
        topic: str,
        partition: int | None,
        key: bytes | None,
        value: bytes | None,
        *,
        timestamp: float | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> Sent:
        """As `post_now`, after waiting for the topic's metadata and for room.

        Raises:
            ProducerSendError: as there; or the wait was longer than a request may take.
            NotReady: the producer is not running.
        """
        give_up_at: float | None = None
        while (sent := self.post_now(topic, partition, key, value, timestamp=timestamp, headers=headers)) is None:
            if self._accumulator is None:
                raise NotReady("Producer service not yet started")
            if give_up_at is None:
                give_up_at = time.monotonic() + self._accumulator.timeout
            try:
                async with asyncio.timeout(give_up_at - time.monotonic()):
                    await self._until_possible(topic, self._accumulator)
            except (KafkaError, TimeoutError) as error:
                cause = error if isinstance(error, KafkaError) else KafkaTimeoutError()
                raise refused(cause) from cause
        return sent

    async def _until_possible(self, topic: str, accumulator: Accumulator) -> None:
        appender = self.topic(topic)
        if appender.is_known:
            await self._has_room.wait()
            return
        await accumulator.wait_for_metadata(topic)
        appender.refresh(self._accumulator)
        if not appender.is_known:
            await asyncio.sleep(accumulator.retry_backoff)

    # --- what has become of it ----------------------------------------------------------------------------------------

    async def flush(self) -> None:
        """Wait until all that was posted before this call is acknowledged or given up.

        Raises:
            ProducerSendError: a record was given up, now or earlier, and nobody has looked at its `Sent`.
        """
        futures = [parcel.future for parcel in self._on_the_way]
        if futures:
            await asyncio.wait(futures)
        self.raise_if_lost()

    def raise_if_lost(self) -> None:
        """Raise what `flush` raises, without waiting."""
        # What has just failed may still be among those on the way: its callback comes a moment later.
        self._losses.raise_if_any((*self._on_the_way, *(Single(future) for future in self._soon if future.done())))

    def watch(self, topic: str, future: Any) -> Sent:
        """Have the failure of a record stop the commit, too, that was sent in the client's ordinary way.

        Args:
            topic: its name.
            future: of its metadata.

        Returns:
            what to give to its sender instead, so that it is known whether somebody looks.
        """
        parcel = Parcel(topic, None, future, time.monotonic())
        parcel.posted = 1
        self.register(parcel)
        return Sent(parcel, None)

    def watch_soon(self, future: Any) -> None:
        """The same for a `FutureMessage`, which is its sender's already, and may never be done."""
        self._soon.add(future)
        future.add_done_callback(self._on_soon)

    def _on_soon(self, future: Any) -> None:
        if future.cancelled() or future._exception is None:
            self._soon.discard(future)
        else:
            # Whoever awaits it is told after this, so that nothing can be said of it yet.
            asyncio.get_running_loop().call_later(UNTIL_TOLD, self._on_told, future)

    def _on_told(self, future: Any) -> None:
        self._soon.discard(future)
        single = Single(future)
        if single.unseen:
            self._losses.add(single)
            self._losses.say(single)

    @property
    def unsent(self) -> int:
        """How many batches are not acknowledged yet."""
        return len(self._on_the_way)

    # --- for the appenders --------------------------------------------------------------------------------------------

    @property
    def accumulator(self) -> Accumulator | None:
        """The client's side; None while there is no client."""
        return self._accumulator

    @property
    def is_full(self) -> bool:
        """Whether senders have to wait."""
        if self._bytes < MAX_ON_THE_WAY:
            return False
        self._has_room.clear()
        return True

    def register(self, parcel: Parcel, appender: Appender | None = None) -> None:
        """Wait for the end of a parcel."""
        self._on_the_way.add(parcel)
        parcel.future.add_done_callback(partial(self._on_end, parcel, appender))

    def account(self, parcel: Parcel, size: int) -> None:
        """Say how many bytes a parcel has."""
        if parcel in self._on_the_way:
            self._bytes += size - parcel.size
            parcel.size = size

    def _on_end(self, parcel: Parcel, appender: Appender | None, _: Any) -> None:
        self._on_the_way.discard(parcel)
        self._bytes -= parcel.size
        if self._bytes < MAX_ON_THE_WAY:
            self._has_room.set()
        # Looking at the error also keeps asyncio from saying that nobody did.
        if parcel.error is not None:
            self._losses.add(parcel)
            self._losses.say(parcel)
        if appender is not None:
            appender.drop(parcel)
            count_batch(self._sensors, parcel, time.monotonic() - parcel.began)


def refused(error: KafkaError) -> ProducerSendError:
    """As Faust says that the client did not take a record."""
    return ProducerSendError(f"Error while sending: {error!r}")
