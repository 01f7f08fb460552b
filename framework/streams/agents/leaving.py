"""How a loop over a stream begins and ends, and what becomes of the record that it had when it was left."""

import asyncio
from typing import Any

from framework.streams.agents.deriving import Deriving


class Leaving(Deriving):
    """Faust's stream, as far as it has to know how its loops end.

    Where a loop is left, by `break` or by an exception, nobody can tell from there how. Then its record is open until
    somebody says it: the agent that has failed, the next loop, or the end of the task.
    """

    current_event: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.open: list[Any] = []
        """Events whose loop was left."""
        self.listed: list[Any] = []
        """Events whose body has all of them at once, or will."""
        self._loops = 0
        self._started_by_loop = False

    async def _begin(self) -> None:
        """Start with the loop, unless somebody has."""
        self._finalized = True
        self._loops += 1
        if await self.maybe_start():
            self._started_by_loop = True
        self._go_on()

    async def _end(self, *, is_over: bool) -> None:
        """Stop with the last loop what began with the first.

        A loop that was left is closed by a task of its own, perhaps when the next one runs already. And not the other
        streams of a chain, as of `group_by`: the agent's next body goes on with them.
        """
        self._loops -= 1
        is_chained = self._prev is not None or self._next is not None
        if self._started_by_loop and not self._loops and (is_over or self.should_stop or not is_chained):
            self._started_by_loop = False
            await self.stop()
            self.service_reset()

    def _leave(self, event: Any, *, has_failed: bool = False) -> None:
        """Keep an event open whose loop was left.

        Args:
            event: None if there was none in hand.
            has_failed: it was left by an error of what comes before the body. Else it depends on how the task ends.
        """
        if event is None:
            return
        if not hasattr(event, "part"):
            # It came from no partition, and nobody has it a second time.
            event.ack()
            return
        if event.is_settled:
            return
        event.part.is_left = True
        event.reader.notify()
        self.open.append(event)
        task = event.reader.task
        if not has_failed and task is not None:
            task.add_done_callback(self._on_task_end)

    def _on_task_end(self, task: asyncio.Task[Any]) -> None:
        # A task of a service ends well in any case; then the service has crashed, and the app with it.
        if not task.cancelled() and task.exception() is None and not self.app.should_stop:
            self.close_open()

    def _go_on(self) -> None:
        """A loop begins; what this task had before is finished.

        The loop before may have been left and not been closed yet: that is done by a task of its own.
        """
        task = asyncio.current_task()
        for before in (*self.listed, self.current_event):
            if hasattr(before, "part") and before.reader.task is task and not before.is_settled:
                self.open.append(before)
        self.listed = [event for event in self.listed if event not in self.open]
        self.current_event = None
        self.close_open()

    def close_open(self) -> None:
        """Whoever was at the open events has gone on: they are finished."""
        for event in self.open:
            event.is_settled, event.part.is_left = True, False
            self._finish(event, is_skipped=False)
        self.open.clear()

    def take_open(self) -> list[Any]:
        """Hand out the events that are not finished, to whoever knows that their body has failed."""
        current: Any = self.current_event
        if hasattr(current, "part") and current.reader.task in (None, asyncio.current_task()):
            self.open.append(current)
            self.current_event = None
        found = [event for event in {*self.open, *self.listed} if hasattr(event, "part")]
        found.sort(key=lambda event: (event.part.tp, event.record.offset))
        found = [event for event in found if event.part.is_taken(event.record.offset)]
        for event in found:
            event.is_settled = True
            self._tell_out(event, is_left=True)
        self.open, self.listed = [], []
        return found

    def _finish(self, event: Any, *, is_skipped: bool) -> None:
        """Count a record as finished."""
        raise NotImplementedError
