"""Where the answers to `Agent.ask` and its kin arrive."""

import logging
from typing import Any

from faust.agents.replies import ReplyConsumer as FaustReplyConsumer
from faust.models import maybe_model

from framework.streams.agents.bodies import belong_to_nobody

SETTLE = 3.0
"""Seconds until a topic that has just been made can be read; Faust's figure."""


class ReplyConsumer(FaustReplyConsumer):
    """Faust's, which reads all that it subscribes to.

    Faust subscribes by a channel that nobody reads, beside the one that is read: its records would be kept, never be
    committed, and after as many as a queue may have no more answers would be fetched.
    """

    logger = logging.getLogger("faust.framework.replies")

    async def _start_fetcher(self, topic_name: str) -> None:
        if topic_name in self._fetchers:
            return
        self._fetchers[topic_name] = None
        topic = self._reply_topic(topic_name)
        await topic.maybe_declare()
        # Subscribes to the topic, by the channel that it reads; before the wait, which whoever asks may give up.
        stream = topic.stream()
        self._fetchers[topic_name] = self.add_future(self._drain(stream))
        await self.sleep(SETTLE)

    async def _drain(self, stream: Any) -> None:
        # It outlives whoever has asked first.
        belong_to_nobody()
        async for reply in stream:
            # Who asked is forgotten with the answer; Faust keeps something of each for ever.
            for promise in self._waiting.pop(reply.correlation_id, ()):
                promise.fulfill(reply.correlation_id, maybe_model(reply.value))
