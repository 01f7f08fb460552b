"""Faust's producer with a flush that ends, and ends only when everything has been handed over; it keeps to a lease."""

import asyncio
import logging
from typing import Any

from faust.exceptions import ProducerSendError
from faust.transport.drivers import aiokafka as driver
from faust.transport.producer import ProducerBuffer as FaustProducerBuffer

from framework.closing import bound_close
from framework.streams.holding import hold_back
from framework.streams.sending.outbox import Outbox
from framework.streams.sending.remembering import remember_topics

LOGGER = logging.getLogger("faust.framework.producer")

SOON = "a record that is sent with send_soon is sent by itself"


class ProducerBuffer(FaustProducerBuffer):
    """Messages sent from synchronous code, such as changelog entries, on their way to the client.

    Faust's flush gives up after a tenth of a second without progress, does not count the message that is just being
    handed over, and never ends while agents go on sending. A commit that follows it can pass a changelog entry.
    """

    logger = LOGGER

    outbox: Outbox | None = None
    """Told of each message, so that a failure stops the commit; None where all goes as in Faust."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._put = 0
        self._handed_over = 0
        self._progress = asyncio.Event()
        self._handing = asyncio.Lock()

    def put(self, fut: Any) -> None:
        """Queue a message."""
        self._put += 1
        if self.outbox is not None:
            self.outbox.watch_soon(fut)
            if not getattr(fut.message.channel, "internal", False):
                # Tables, whose changelogs are internal, say it of themselves.
                self.app.say_once(SOON, fut.message.channel)
        super().put(fut)

    async def _send_pending(self, fut: Any) -> None:
        async with self._handing:
            await super()._send_pending(fut)
        self._handed_over += 1
        self._progress.set()

    async def flush(self) -> None:
        """Wait until everything that was queued before this call is with the client."""
        await self._until_handed_over(self._put)

    async def wait_until_ebb(self) -> None:
        """Wait until few enough messages are queued; this is the back-pressure on agents that fill tables."""
        await self._until_handed_over(self._put - self.max_messages)

    async def _until_handed_over(self, count: int) -> None:
        while self._handed_over < count:
            if self.should_stop:
                await self._hand_over_the_rest()
                continue
            self._progress.clear()
            await self.wait_first(self._progress.wait())

    async def _hand_over_the_rest(self) -> None:
        """The task that hands over ends with the service; go on behind what it still has in hand."""
        if self._handing.locked():
            async with self._handing:
                return
        if self.pending.empty():
            raise ProducerSendError("A message was given up before it was handed over.")
        await self._send_pending(self.pending.get_nowait())


class Producer(driver.Producer):
    """Faust's producer around that buffer, and an outbox beside it."""

    logger = LOGGER

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.buffer = ProducerBuffer(loop=self.loop, beacon=self.beacon)
        self.buffer.app = self.app
        self.buffer.threaded_producer = self.threaded_producer
        self.outbox = Outbox(self.app.sensors)
        if getattr(self.app, "is_fast", False):
            self.buffer.outbox = self.outbox

    def _new_producer(self, transactional_id: str | None = None) -> Any:
        producer = super()._new_producer(transactional_id)
        hold_back(producer, self.app.lease)
        remember_topics(producer)
        bound_close(producer.client)
        return producer

    async def on_start(self) -> None:
        """As in Faust; the outbox sends through the same client."""
        await super().on_start()
        self.outbox.attach(self._producer)

    async def flush(self) -> None:
        """Wait until everything that was sent before this call is acknowledged or given up.

        Raises:
            ProducerSendError: a record was given up and nobody has been told; what it was made from must not be
                committed.
        """
        await super().flush()
        await _until_told()
        await self.outbox.flush()

    async def raise_if_lost(self) -> None:
        """Raise what `flush` raises, without waiting for anything that is on its way."""
        await _until_told()
        self.outbox.raise_if_lost()

    async def on_stop(self) -> None:
        """As in Faust, for no longer than a stop may take."""
        client = self._producer
        try:
            async with asyncio.timeout(self.app.settings.shutdown_grace):
                await super().on_stop()
        except TimeoutError:
            LOGGER.error("Stopped with %s batches unsent: the brokers have not acknowledged them.", self.outbox.unsent)
            await client.client.close()
        self.outbox.detach()


async def _until_told() -> None:
    """A failure reaches the message's own future, and then whoever awaits that, a few steps after the client's."""
    for _ in range(3):
        await asyncio.sleep(0)
