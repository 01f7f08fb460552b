"""What sensors hear of a stream's events, where one of them has to hear of each; `counting` is for the others."""

from typing import Any

from framework.streams import holding


class Hearing(holding.Stream):
    """Faust's stream, whose sensors hear of the begin and the end of each event once.

    Only the end of what they have heard of: monitors that count in bulk take an event back with its slice.
    """

    def _tell_in(self, event: Any) -> None:
        message = event.message
        if event.part.is_first:
            message.is_in = True
            self._on_message_in(message.tp, message.offset, message)
        event.sensor_state = self._on_stream_event_in(message.tp, message.offset, self, event)

    def _tell_out(self, event: Any, *, is_left: bool = False) -> None:
        """Tell of the end of an event; of its message's if nobody needs that one, or it is left and will come again."""
        message = event._message
        if message is None:
            return
        state, event.sensor_state = event.sensor_state, None
        if state is not None:
            self._on_stream_event_out(message.tp, message.offset, self, event, state)
        if message.is_in and (message.acked or is_left):
            message.is_in = False
            self._on_message_out(message.tp, message.offset, message)

    async def ack(self, event: Any) -> bool:
        """As in Faust, where the loop would tell of the end once more, and where monitors have counted it already."""
        if not hasattr(event, "part"):
            return bool(await super().ack(event))
        is_last = bool(event.ack())
        self._tell_out(event)
        return is_last
