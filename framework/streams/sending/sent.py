"""What becomes of a record that was posted: `Sent`, without a future of its own; knows no topic and no queue."""

import asyncio
import copy
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any

from aiokafka.structs import RecordMetadata


class Parcel:
    """What was posted into one of the client's batches, and how much of it somebody has looked at.

    Attributes:
        topic, partition: where it goes; no partition where the client has not told.
        future: the client's, of the whole batch: done when the broker has acknowledged it, or it has failed.
        began: monotonic seconds at which its first record was posted.
        posted: how many records.
        seen: of how many somebody waits for the outcome or has taken it.
        size: bytes that count as not yet acknowledged.
    """

    __slots__ = ("began", "future", "partition", "posted", "seen", "size", "topic")

    def __init__(self, topic: str, partition: int | None, future: Any, began: float) -> None:
        self.topic, self.partition = topic, partition
        self.future = future
        self.began = began
        self.posted = self.seen = self.size = 0

    @property
    def error(self) -> BaseException | None:
        """Why it failed; None where it did not, or nothing is known yet."""
        if not self.future.done():
            return None
        if self.future.cancelled():
            return asyncio.CancelledError()
        failed: BaseException | None = self.future.exception()
        return failed

    @property
    def unseen(self) -> int:
        """Of how many records nobody waits for the outcome or has taken it."""
        return self.posted - self.seen


class Sent:
    """A record on its way: await it for its metadata, or look at it as at a future.

    Nothing is computed before somebody looks. Whoever awaits it, or takes the outcome, is told of a failure and decides
    what it means. A failure that nobody looks at stops the commit, see `Outbox.flush`.
    """

    __slots__ = ("_is_seen", "_record", "parcel")

    def __init__(self, parcel: Parcel, record: Any) -> None:
        self.parcel = parcel
        # The client's note of the record in its batch: offset in there, timestamp. None: the future is of this record.
        self._record = record
        self._is_seen = False

    def __await__(self) -> Generator[Any, Any, Any]:
        future = self.parcel.future
        self._see()
        if not future.done():
            try:
                # The future is that of all records of the batch: whoever gives up waiting must not cancel it.
                yield from asyncio.wait([future]).__await__()
            except BaseException:
                # Also where the outcome is known in the same moment: nobody has been told of it.
                self._unsee()
                raise
        return self._outcome()

    def done(self) -> bool:
        """Whether the outcome is known."""
        return bool(self.parcel.future.done())

    def result(self) -> Any:
        """The record's metadata.

        Raises:
            asyncio.InvalidStateError: it is not known yet.
            aiokafka.errors.KafkaError: the record was not sent.
        """
        self._must_be_done()
        return self._outcome()

    def exception(self) -> BaseException | None:
        """Why the record was not sent; None if it was.

        Raises:
            asyncio.InvalidStateError: it is not known yet.
        """
        self._must_be_done()
        self._see()
        return self.parcel.error

    def add_done_callback(self, callback: Callable[["Sent"], object], *, context: Context | None = None) -> None:
        """Have a function called with this object when the outcome is known; it has to look at it, too."""
        self.parcel.future.add_done_callback(_Callback(callback, self), context=context)

    def remove_done_callback(self, callback: Callable[["Sent"], object]) -> int:
        """Take a callback back; returns how often it was there."""
        removed: int = self.parcel.future.remove_done_callback(_Callback(callback, self))
        return removed

    def cancel(self, msg: Any = None) -> bool:  # noqa: ARG002 - as a future's
        """What was posted cannot be called back; always False."""
        return False

    def cancelled(self) -> bool:
        """Always False."""
        return False

    def _must_be_done(self) -> None:
        if not self.parcel.future.done():
            raise asyncio.InvalidStateError("Result is not set.")

    def _outcome(self) -> Any:
        self._see()
        error = self.parcel.error
        if error is not None:
            # One error stands for many records; each gets a traceback of its own.
            raise copy.copy(error)
        return metadata(self.parcel.future.result(), self._record)

    def _see(self) -> None:
        if not self._is_seen:
            self._is_seen = True
            self.parcel.seen += 1

    def _unsee(self) -> None:
        if self._is_seen:
            self._is_seen = False
            self.parcel.seen -= 1


class _Callback:
    """Equal to another one for the same function and record, so that it can be found again."""

    __slots__ = ("_callback", "_sent")

    def __init__(self, callback: Callable[[Sent], object], sent: Sent) -> None:
        self._callback, self._sent = callback, sent

    def __call__(self, _: Any) -> None:
        self._callback(self._sent)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Callback) and (self._callback, self._sent) == (other._callback, other._sent)

    __hash__ = None  # type: ignore[assignment]


def metadata(batch: Any, record: Any) -> Any:
    """A record's metadata as the client would have made it.

    Args:
        batch: that of its batch; None where brokers do not acknowledge (`acks=0`).
        record: the client's note of it in the batch; None if `batch` is that of the record itself.
    """
    if batch is None or record is None:
        return batch
    return RecordMetadata(
        batch.topic,
        batch.partition,
        batch.topic_partition,
        batch.offset + record.offset,
        record.timestamp if batch.timestamp == -1 else batch.timestamp,
        batch.timestamp_type,
        batch.log_start_offset,
    )
