"""Faust's app, as far as the way of its records asks for it; knows streams and no membership."""

import asyncio
from functools import cached_property
from typing import Any

import faust
from faust.exceptions import ProducerSendError
from faust.types.enums import ProcessingGuarantee

from framework.errors import TaskCancelledError
from framework.settings import Settings
from framework.streams.agents.bodies import Body, Outcome, was_cancelled_from_outside
from framework.streams.agents.replies import ReplyConsumer
from framework.streams.agents.turns import Turns
from framework.streams.reading.events import PlainEvent
from framework.streams.reading.queues import ChannelQueue
from framework.streams.saying import SayOnce
from framework.streams.sending.attached import Attached


class DeliveringApp(faust.App):
    """Faust's app, which knows whether its records go the fast way, and what its streams share."""

    crash_reason: BaseException | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.turns = Turns(self)
        """Shares the event loop among the streams."""
        self.say_once = SayOnce()
        """Tells the log of what does not go the fast way."""
        super().__init__(*args, **kwargs)
        self._attachments = Attached(self)

    @property
    def settings(self) -> Settings:
        """The settings this app runs with."""
        raise NotImplementedError

    @property
    def is_fast(self) -> bool:
        """Whether records are delivered by the batch; not in transactions, nor to a client that is no worker."""
        return not self.client_only and not self.why_not_fast

    @property
    def why_not_fast(self) -> str:
        """Why records are delivered one by one; empty where they are not."""
        if not self.settings.fast_delivery:
            return "FRAMEWORK_FAST_DELIVERY is false"
        if self.conf.processing_guarantee != ProcessingGuarantee.AT_LEAST_ONCE:
            return f"processing_guarantee is {self.conf.processing_guarantee.value}"
        return ""

    async def on_lost(self, error: BaseException) -> None:
        """What was sent is lost for good: the app crashes; a stop that has begun goes on to its end and tells it then.

        Not a crash in the middle of a stop: it would end the consumer's thread, and with it the member, beside whoever
        goes through the steps of the stop.
        """
        if not self.should_stop:
            await self.crash(error)
        elif self.crash_reason is None:
            self.crash_reason = error
            self.log.error("The stop goes on, though something was lost: %s", error)

    async def _producer_flush(self, logger: Any) -> None:
        """As in Faust; what is lost cuts neither a stop nor a revoke short."""
        try:
            await super()._producer_flush(logger)
        except ProducerSendError as error:
            await self.on_lost(error)

    @cached_property
    def _reply_consumer(self) -> ReplyConsumer:
        return ReplyConsumer(self, loop=self.loop, beacon=self.beacon)

    async def _execute_task(self, task: Any) -> None:
        """As in Faust; what a task had that was cancelled from within is not counted as finished."""
        await super()._execute_task(self._as_body(task))

    async def _as_body(self, task: Any) -> None:
        body = Body.begin()
        try:
            await task
        except asyncio.CancelledError as error:
            body.outcome = Outcome.CANCELLED
            places = body.places()
            if places and not (self.should_stop or was_cancelled_from_outside()):
                # Faust would end the task in silence, and nothing behind that record would be committed.
                raise TaskCancelledError(repr(task), places) from error
            raise
        except BaseException:
            body.outcome = Outcome.FAILED
            raise
        body.outcome = Outcome.WELL

    def create_event(self, key: Any, value: Any, headers: Any, message: Any) -> Any:
        """As in Faust; but an event that is used in an `async with` is finished where its block ends well alone."""
        if self.conf.Event is faust.Event:
            return PlainEvent(self, key, value, headers, message)
        return super().create_event(key, value, headers, message)

    def FlowControlQueue(self, maxsize: int | None = None, *, clear_on_resume: bool = False) -> ChannelQueue:
        """As in Faust, but for runs of records too."""
        return ChannelQueue(maxsize=maxsize, flow_control=self.flow_control, clear_on_resume=clear_on_resume)
