"""Outputs that wait for the commit of what they were made from (Faust's `stream_publish_on_commit`)."""

import asyncio
from collections.abc import Mapping
from typing import Any

from faust.exceptions import ProducerSendError
from faust.types import TP


class Attached:
    """Sends them, and looks what becomes of them. Faust does not look, and commits."""

    def __init__(self) -> None:
        self._sent: set[asyncio.Future[Any]] = set()

    async def publish(self, attachments: Any, offsets: Mapping[TP, int]) -> None:
        """Send what belongs to the offsets that are to be committed, and wait for it and for that of before.

        A commit that is given up leaves the rest to the next one.

        Args:
            attachments: Faust's.
            offsets: `{partition: offset}`.

        Raises:
            ProducerSendError: one could not be sent; nothing is to be committed.
        """
        for tp, offset in offsets.items():
            self._sent.update(map(asyncio.ensure_future, await attachments.publish_for_tp_offset(tp, offset)))
        while self._sent:
            done, _ = await asyncio.wait(self._sent, return_when=asyncio.FIRST_COMPLETED)
            for sent in done:
                self._sent.discard(sent)
                error = asyncio.CancelledError() if sent.cancelled() else sent.exception()
                if error is not None:
                    raise ProducerSendError(f"Error while sending what waited for the commit: {error!r}") from error
