"""Where the answers to `Agent.ask` and its kin arrive."""

import asyncio
import logging
from typing import Any

import structlog
from faust.agents.replies import BarrierState
from faust.agents.replies import ReplyConsumer as FaustReplyConsumer
from faust.models import maybe_model

from framework.streams.agents.bodies import belong_to_nobody
from framework.streams.reading.events import Message

log = structlog.get_logger(__name__)

SETTLE = 3.0
"""Seconds until a topic that has just been made can be read; Faust's figure."""


class ReplyConsumer(FaustReplyConsumer):
    """Faust's, which reads all that it subscribes to, and whatever comes.

    Faust subscribes by a channel that nobody reads, beside the one that is read: its records would be kept, never be
    committed, and after as many as a queue may have no more answers would be fetched. And with Faust the worker ends at
    an answer that comes too late, at one that is none, and at the 1,001st of a `map` or `join`.
    """

    logger = logging.getLogger("faust.framework.replies")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._starting = asyncio.Lock()

    async def add(self, correlation_id: str, promise: Any) -> None:
        """As in Faust; a barrier has room for all of its answers.

        Whoever asks by `map` looks for one answer after each of its sends, and by `join` for none before the last.
        """
        if isinstance(promise, BarrierState) and promise._results.maxsize:
            # The first of its promises, so there is nothing in it.
            promise._results = asyncio.Queue()
        await super().add(correlation_id, promise)

    async def _start_fetcher(self, topic_name: str) -> None:
        # Whoever asks may give up while the topic is made; then the next one makes it, who waits here for it.
        async with self._starting:
            if topic_name in self._fetchers:
                return
            topic = self._reply_topic(topic_name)
            await topic.maybe_declare()
            # Subscribes to the topic, by the channel that it reads; before the wait, which may be given up as well.
            stream = topic.stream()
            self._fetchers[topic_name] = self.add_future(self._drain(stream))
        await self.sleep(SETTLE)

    async def _drain(self, stream: Any) -> None:
        # It outlives whoever has asked first.
        belong_to_nobody()
        # In place of Faust's, which throw the error to whoever reads: that would end here.
        stream.channel.on_key_decode_error = stream.channel.on_value_decode_error = _pass_over
        async for event in stream.events():
            try:
                self._answer(event.value)
            except Exception as error:  # noqa: BLE001 - anybody can write to this topic
                _say("replies.not_understood", event.message, error)

    def _answer(self, reply: Any) -> None:
        """Give an answer to whoever has asked, unless he has given up.

        Raises:
            Exception: it is no answer, or not one that can be given. Whoever waits for a single one gets the same.
        """
        # Who asked is forgotten with the answer; Faust keeps something of each for ever.
        waiting = [promise for promise in self._waiting.pop(reply.correlation_id, ()) if not promise.done()]
        failure: Exception | None = None
        for promise in waiting:
            try:
                promise.fulfill(reply.correlation_id, maybe_model(reply.value))
            except Exception as error:  # noqa: BLE001 - the others are answered
                failure = error
                if not isinstance(promise, BarrierState) and not promise.done():
                    promise.set_exception(error)
        if failure is not None:
            raise failure


async def _pass_over(error: Exception, message: Any) -> None:
    if not isinstance(message, Message):
        # Faust's own way; on ours the stream has said it.
        _say("delivery.undecodable", message, error)


def _say(what: str, message: Any, error: Exception) -> None:
    log.error(what, topic=message.topic, partition=message.partition, offset=message.offset, error=repr(error))
