"""Events and values that come one by one: somebody has put them into a channel, or Faust's own way brings them."""

import weakref
from inspect import isawaitable
from typing import Any

from faust.exceptions import Skip
from faust.streams import _current_event
from faust.types import EventT

from framework.streams.agents.bodies import current_body
from framework.streams.agents.leaving import Leaving
from framework.streams.reading.events import Event

NOTHING = object()
"""In place of a value: the body shall not see this event."""


class Singles(Leaving):
    """Faust's stream, as far as it takes what comes one by one."""

    async def _enter_single(self, item: Any) -> tuple[Any, Any, Any]:
        """Take an event or a value that somebody has put into the channel; as in Faust's loop."""
        if not isinstance(item, EventT):
            self.current_event = None
            return None, await self._prepare(item), None
        message, app = item.message, self.app
        if not app.flow_control.is_active() or message.generation_id != app.consumer_generation_id:
            # As if it had never come: it is read again, here or by somebody else.
            return None, NOTHING, None
        if message.topic in app.topics.acking_topics and not message.tracked:
            message.tracked = True
            app.consumer.track_message(message)
        state = self._on_stream_event_in(message.tp, message.offset, self, item)
        _current_event.set(item if isinstance(item, Event) else weakref.ref(item))
        self.current_event = item
        value = await self._prepare(item.value)
        if hasattr(item, "part") and self._is_for_the_next(current_body(), item):
            return None, NOTHING, None
        return item, value, state

    def _finish_single(self, event: Any, value: Any, state: Any) -> None:
        self.current_event = None
        if event is None or not (self.enable_acks or value is NOTHING):
            return
        if getattr(event, "is_settled", False) and self.is_abandoned(current_body()):
            # The body has failed, and the next one has it.
            return
        is_last = event.ack()
        message = event.message
        self._on_stream_event_out(message.tp, message.offset, self, event, state)
        if is_last:
            self._on_message_out(message.tp, message.offset, message)

    async def _prepare(self, value: Any) -> Any:
        """Do what comes before the body; `NOTHING` where a processor skips the event."""
        try:
            for processor in self._processors:
                result = processor(value)
                value = await result if isawaitable(result) else result
            return await self.on_merge(value)
        except Skip:
            return NOTHING
        except StopAsyncIteration as error:
            # To the loop it would mean that the channel has ended.
            raise RuntimeError("a processor raised StopAsyncIteration") from error
