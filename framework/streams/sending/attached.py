"""Outputs that wait for the commit of what they were made from (Faust's `stream_publish_on_commit`)."""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from faust.app._attached import Attachments
from faust.exceptions import ProducerSendError
from faust.types import TP

Output = tuple[Any, Any]
"""The slice whose record it was made from, None on Faust's own way; and the `FutureMessage`."""


class Attached(Attachments):
    """Faust's attachments: keeps them in order, sends them, and looks what becomes of them.

    Faust keeps them on a heap, where those of one record change places. It sends what the record in hand has made so
    far, and what a try has made that has failed. And it does not look whether they were sent, and commits.

    What a task makes of a record that was committed meanwhile is sent at once: no commit passes that record again.
    """

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self._waiting: dict[TP, dict[int, deque[Output]]] = {}
        self._published: dict[TP, int] = {}
        self._late: deque[Any] = deque()
        self._sender: asyncio.Task[None] | None = None
        self._sent: set[asyncio.Future[Any]] = set()
        self._failure: ProducerSendError | None = None

    def put(self, message: Any, channel: Any, *record: Any, **options: Any) -> Any:
        """Keep a record until the commit passes the one that it was made from; as in Faust.

        Returns:
            a `FutureMessage`, which is done when it was sent.
        """
        found = self.app.topic(channel) if isinstance(channel, str) else channel
        future = found.as_future_message(*record, **options)
        waiting = self._waiting.setdefault(message.tp, {})
        if message.offset not in waiting and self._is_over(message):
            self._late.append(future)
            if self._sender is None or self._sender.done():
                self._sender = asyncio.ensure_future(self._send_late())
                self._sent.add(self._sender)
        else:
            waiting.setdefault(message.offset, deque()).append((getattr(message, "part", None), future))
        return future

    def _is_over(self, message: Any) -> bool:
        """Whether a record is finished, and the commit that passes it has begun or was made.

        Begun is enough: that commit has looked already what waits. But as long as something of the record waits, what
        comes later has its place behind that.
        """
        if message.offset >= self._published.get(message.tp, 0):
            return False
        part = getattr(message, "part", None)
        return bool(message.acked if part is None else part.has_finished(message.offset))

    async def _send_late(self) -> None:
        # One task for all, so that they keep their order.
        while self._late:
            await self._publish(self._late.popleft())

    def drop(self, part: Any, offsets: Iterable[int]) -> None:
        """Forget what records have made so far: they come again, or nobody is at them any more.

        Args:
            part: the slice. What another agent has made of the same records is kept.
            offsets: the records'.
        """
        waiting = self._waiting.get(part.tp, {})
        for offset in offsets:
            if offset in waiting:
                waiting[offset] = deque(output for output in waiting[offset] if output[0] is not part)

    def forget(self, tp: TP) -> None:
        """A partition is given up: what is not committed of it is done again, here or elsewhere.

        What is committed is not, so what a task makes of it still is sent.
        """
        for outputs in self._waiting.pop(tp, {}).values():
            outputs.clear()

    async def publish(self, offsets: Mapping[TP, int]) -> None:
        """Send what belongs to records below the offsets that are to be committed, and wait for it and that of before.

        A commit that is given up leaves the rest to the next one.

        Args:
            offsets: `{partition: offset of the next record to be read}`.

        Raises:
            ProducerSendError: one could not be sent, now or earlier; nothing is to be committed.
        """
        for tp, offset in offsets.items():
            self._published[tp] = offset
            await self._send(self._waiting.get(tp, {}), offset)
        while self._sent:
            await asyncio.wait(self._sent, return_when=asyncio.FIRST_COMPLETED)
            self._look()
        self.raise_if_lost()

    def raise_if_lost(self) -> None:
        """Look what has become of all that was sent so far, without waiting for it.

        Raises:
            ProducerSendError: one could not be sent, now or earlier; nothing is to be committed.
        """
        self._look()
        if self._failure is not None:
            raise self._failure

    def _look(self) -> None:
        for sent in [sent for sent in self._sent if sent.done()]:
            self._sent.discard(sent)
            error = asyncio.CancelledError() if sent.cancelled() else sent.exception()
            if error is not None and self._failure is None:
                self._failure = ProducerSendError(f"Error while sending what waited for the commit: {error!r}")
                self._failure.__cause__ = error

    async def _send(self, waiting: dict[int, deque[Output]], before: int) -> None:
        for offset in sorted(offset for offset in waiting if offset < before):
            while outputs := waiting.get(offset):
                output = outputs.popleft()
                _, future = output
                try:
                    await self._publish(future)
                except BaseException:
                    # It was not taken; the next commit comes to it first.
                    outputs.appendleft(output)
                    raise
            waiting.pop(offset, None)

    async def _publish(self, future: Any) -> None:
        sent = await future.message.channel.publish_message(future, wait=False)
        self._sent.add(asyncio.ensure_future(sent))
