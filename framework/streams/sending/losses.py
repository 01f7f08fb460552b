"""Records that were given up, until whoever sent them has looked: told of in the log, kept within bounds."""

from collections.abc import Iterable
from time import monotonic
from typing import Any, Protocol

import structlog
from faust.exceptions import ProducerSendError

log = structlog.get_logger(__name__)

KEPT = 1_000
"""Failed batches of one topic that are kept to see whether somebody looks; of others only the records are counted."""

APART = 10.0
"""Seconds between two lines of the log about one topic."""


class Failed(Protocol):
    """Records that failed together.

    Attributes:
        topic, partition: where they were to go; no partition where the client has not told.
        error: why.
        unseen: how many of them nobody has looked at.
    """

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int | None: ...
    @property
    def error(self) -> BaseException | None: ...
    @property
    def unseen(self) -> int: ...


class Single:
    """A `FutureMessage` that has failed. Asking the future itself would count as having looked."""

    partition = None

    def __init__(self, future: Any) -> None:
        self._future = future

    @property
    def topic(self) -> str:
        """Its channel."""
        return str(self._future.message.channel)

    @property
    def error(self) -> BaseException | None:
        """Why it failed."""
        error: BaseException | None = self._future._exception
        return error

    @property
    def unseen(self) -> int:
        """1 until somebody has looked."""
        return int(self._future._log_traceback)


class _Topic:
    """What failed of one topic.

    Attributes:
        failed: the first of it.
        first: what was not kept any more first, and stands for `more`.
        more: records that were not looked at when they failed, and are not kept.
        say_at: monotonic seconds from which on the log may be told again.
    """

    __slots__ = ("failed", "first", "more", "say_at")

    def __init__(self) -> None:
        self.failed: list[Failed] = []
        self.first: Failed | None = None
        self.more = 0
        self.say_at = 0.0

    @property
    def records(self) -> int:
        """How many are lost."""
        return self.more + sum(each.unseen for each in self.failed)


class Losses:
    """Failed records of one producer, by topic."""

    def __init__(self) -> None:
        self._topics: dict[str, _Topic] = {}

    def add(self, failed: Failed) -> None:
        """Keep what has failed."""
        topic = self._of(failed)
        if len(topic.failed) >= KEPT:
            topic.failed = [each for each in topic.failed if each.unseen]
        if len(topic.failed) < KEPT:
            topic.failed.append(failed)
        elif failed.unseen:
            # Whoever looks at these later comes too late: they count as lost.
            topic.first = topic.first or failed
            topic.more += failed.unseen

    def say(self, failed: Failed) -> None:
        """Log what is lost of a topic, unless that was done a moment ago."""
        topic = self._of(failed)
        now = monotonic()
        if failed.unseen and now >= topic.say_at:
            topic.say_at = now + APART
            log.error(
                "delivery.not_sent",
                topic=failed.topic,
                partition=failed.partition,
                records=topic.records,
                error=repr(failed.error),
            )

    def raise_if_any(self, ended: Iterable[Failed]) -> None:
        """Raise if something is lost.

        Args:
            ended: what may have failed and was not added yet.

        Raises:
            ProducerSendError: it names topic, partition, number of records and error.
        """
        for topic in self._topics.values():
            topic.failed = [each for each in topic.failed if each.unseen]
            if topic.failed:
                self._raise(topic.failed[0], topic.failed[0].unseen)
            if topic.first is not None:
                self._raise(topic.first, topic.more)
        for each in ended:
            if each.unseen and each.error is not None:
                self._raise(each, each.unseen)

    def _raise(self, failed: Failed, records: int) -> None:
        self.say(failed)
        raise ProducerSendError(lost(failed, records)) from failed.error

    def _of(self, failed: Failed) -> _Topic:
        return self._topics.setdefault(failed.topic, _Topic())


def lost(failed: Failed, records: int) -> str:
    """What is said of records that were given up."""
    where = failed.topic if failed.partition is None else f"{failed.topic}[{failed.partition}]"
    return (
        f"{records} of the records for {where} could not be sent, and nobody has awaited them: {failed.error!r}."
        " No offset is committed any more: a record that they were made from comes again, what a timer, a page or a"
        " task has sent does not."
    )
