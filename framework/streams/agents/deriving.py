"""What an agent's body derives of its stream, and derives again when the next body begins after a failure."""

import asyncio
from typing import Any

from faust.agents.agent import current_agent
from faust.exceptions import Skip
from faust.streams import maybe_forward
from faust.types import FieldDescriptorT
from mode.utils.futures import maybe_async

from framework.streams.agents.bodies import ENDS, belong_to_nobody, current_body, was_cancelled_from_outside
from framework.streams.agents.hearing import Hearing
from framework.streams.reading.queues import ChannelQueue


class Deriving(Hearing):
    """Faust's stream, which several bodies of an agent use one after the other.

    Each of them puts its processors onto the stream: by `filter`, `echo`, `group_by` and the like.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.made_by = current_body()
        self.agent: Any = None
        """The agent that has made it for its bodies; None for any other stream."""
        self._given = len(self._processors)
        self._is_set_up = False

    @property
    def is_fast(self) -> bool:
        """Whether it has our own loop: it reads a channel of an app that is on the fast path."""
        return bool(self.app.is_fast) and isinstance(getattr(self.channel, "queue", None), ChannelQueue)

    def is_given(self, agent: Any) -> None:
        """Its processors belong to it whatever bodies of its agent do."""
        self.agent = agent
        self._given = len(self._processors)

    def is_given_again(self) -> None:
        """Another body has it, which will put its processors onto it once more.

        In Faust they would be there twice. Not so of a stream that others were derived of: it is read all the time, so
        its processors stay.
        """
        stream: Any = self
        while stream is not None:
            stream._is_set_up = stream._next is not None and stream._next._prev is stream
            if not stream._is_set_up:
                del stream._processors[stream._given :]
            stream = stream._next

    def add_processor(self, processor: Any) -> None:
        """As in Faust."""
        if not self._is_set_up:
            super().add_processor(processor)

    def group_by(self, *args: Any, **kwargs: Any) -> Any:
        """As in Faust; and the same again in an agent's next body."""
        return self._chained_before() or super().group_by(*args, **kwargs)

    def through(self, *args: Any, **kwargs: Any) -> Any:
        """As in Faust; and the same again in an agent's next body."""
        return self._chained_before() or super().through(*args, **kwargs)

    def echo(self, *channels: Any) -> Any:
        """As in Faust; but a record that a channel refuses fails like one whose body has failed.

        Faust does not look whether its tasks have sent anything, and acknowledges the record.
        """
        if not self.is_fast:
            return super().echo(*channels)
        topics = [self.derive_topic(channel) if isinstance(channel, str) else channel for channel in channels]

        async def echoing(value: Any) -> Any:
            sends = [maybe_forward(value, topic) for topic in topics]
            # All of them, as in Faust; else some would go on while the record is tried again.
            for result in await asyncio.gather(*sends, return_exceptions=True):
                if isinstance(result, BaseException):
                    raise result
            return value

        self.add_processor(echoing)
        return self

    async def _format_key(self, key: Any, value: Any) -> Any:
        """The key of a record for `group_by`; a record for which there is none fails like one whose body has failed.

        Faust says so and leaves the record out, also when its task was only cancelled while it waited for the key.
        """
        try:
            return key.getattr(value) if isinstance(key, FieldDescriptorT) else await maybe_async(key(value))
        except Exception as error:
            if self.is_fast:
                raise
            self.log.exception("Error in grouping key : %r", error)
            raise Skip from error

    async def _passive_drainer(self, channel: Any, declare: bool = False) -> None:
        """Read on for the stream that was derived of this one; a record that fails here comes again here.

        Faust throws the error to whoever reads the derived stream, and reads no more. He may be at a record of his own,
        and a rebalance meanwhile would throw the error away.
        """
        if not self.is_fast:
            await super()._passive_drainer(channel, declare)
            return
        # The body that derives may end; the next one goes on with the stream that is derived here.
        belong_to_nobody()
        agent = current_agent()
        try:
            if declare:
                await channel.maybe_declare()
            self._passive_started.set()
            while not await self._is_drained(channel, agent):
                pass
        finally:
            self._channel_stop_iteration(channel)
            self._passive = False

    async def _is_drained(self, channel: Any, agent: Any) -> bool:
        """Read until there is nothing more, or something has failed; whether nothing is to be read any more."""
        try:
            async for _ in self:
                pass
        except BaseException as error:  # noqa: BLE001 - as a body's
            is_over = self.should_stop or was_cancelled_from_outside()
            if agent is None or is_over or isinstance(error, ENDS):
                await channel.throw(error)
                return True
            await agent.on_stream_failed(self, error)
            return False
        return True

    def _chained_before(self) -> Any:
        """The stream that another body of the same agent has derived, reading again; None if there is none.

        In Faust the second body gets this stream itself, with records that are not regrouped.
        """
        if not self.is_fast or not self._finalized or self._next is None:
            return None
        following: Any = self._next
        self._enable_passive(following.channel, declare=True)
        return following
