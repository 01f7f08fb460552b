"""How a loop over a stream begins and ends, and what becomes of the record that it had when it was left."""

import asyncio
import weakref
from collections.abc import AsyncIterator, Iterable
from typing import Any

from faust.types.tuples import ack_lock

from framework.streams.agents.bodies import Body, Outcome, current_body, has_ended_well
from framework.streams.agents.handing import Handing
from framework.streams.agents.origins import Line
from framework.streams.agents.putting_back import put_back
from framework.streams.reading.events import Asking, Reader

BREATH = 0.1
"""Seconds before a loop ends that was begun on behalf of a body that has failed."""


class Handle:
    """What a loop over a stream knows itself by.

    Attributes:
        iterator: a weak reference to it, which is dead as soon as nobody has the loop any more.
        line: who has begun it, which is who asks for its first record.
    """

    iterator: "weakref.ref[AsyncIterator[Any]]"
    line: Line


class Leaving(Handing):
    """Faust's stream, as far as it has to know how its loops end.

    Where a loop is left, by `break` or by an exception, nobody can tell from there how. Then its record is open until
    somebody says it: the agent whose body has failed, the next loop of that body, or the end of the task.
    """

    current_event: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.listed: list[Any] = []
        """Events whose body has all of them at once, or will."""
        self.readers: list[Reader] = []
        """Those of its loops; there may be several beside each other."""
        self._loops = 0
        self._not_begun: weakref.WeakSet[AsyncIterator[Any]] = weakref.WeakSet()
        """Loops whose first record nobody has asked for yet."""
        self._started_by_loop = False

    def _created(self, iterator: AsyncIterator[Any], handle: Handle) -> AsyncIterator[Any]:
        """Count a loop from here on: what stops the stream closes all that there are."""
        handle.iterator = weakref.ref(iterator)
        self._active_agens.add(iterator)
        self._not_begun.add(iterator)
        return iterator

    async def _begin(self, handle: Handle) -> None:
        """Start with the loop, unless somebody has."""
        if self.is_abandoned(current_body()):
            # It will end at once; a task that always begins another one would not let anybody else run.
            await asyncio.sleep(BREATH)
        self._leave_left()
        if any(self._is_unheard_of(event.reader) for event in self.open):
            # Who goes on where a task has failed may be told to end by the same failure, as in a `TaskGroup`.
            await asyncio.sleep(0)
        handle.line = Line()
        self._finalized = True
        self._loops += 1
        if (iterator := handle.iterator()) is not None:
            self._not_begun.discard(iterator)
        if (body := current_body()) is not None:
            body.streams[self] = None
        if await self.maybe_start():
            self._started_by_loop = True
        self._leave_left()
        self._go_on(handle.line)

    async def _end(self, *, is_over: bool) -> None:
        """Stop with the last loop what began with the first.

        A loop that was left is closed by a task of its own, perhaps when the next one runs already. And not the other
        streams of a chain, as of `group_by`: the agent's next body goes on with them.
        """
        self._loops -= 1
        is_chained = self._prev is not None or self._next is not None
        is_last = not (self._loops or self._not_begun)
        if self._started_by_loop and is_last and (is_over or self.should_stop or not is_chained):
            self._started_by_loop = False
            await self.stop()
            self.service_reset()

    def _leave(self, event: Any, *, is_unseen: bool = False) -> None:
        """Keep an event open whose loop was left; None if there was none in hand.

        Args:
            event: it.
            is_unseen: the body had not got it yet. Whatever becomes of the body, it is taken again.
        """
        if event is None:
            return
        if not hasattr(event, "part"):
            # It came from no partition, and nobody has it a second time.
            event.ack()
            return
        if event.is_settled or getattr(event, "is_passed", False) or event in self.open:
            return
        if self.is_abandoned(event.reader.body):
            self._put_back(event)
            return
        event.part.leave(event.record.offset)
        event.reader.notify()
        self.open.append(event)
        if is_unseen:
            self.unseen.add(event)
        self._watch(event.reader)

    def _put_back(self, event: Any) -> None:
        """Have a record taken again by whoever reads the channel next."""
        event.is_settled = True
        put_back([(self, event)])

    def is_abandoned(self, body: Body | None) -> bool:
        """Whether a body has failed whose agent's channel this is: nobody gets what is read on behalf of it."""
        return body is not None and body.outcome is Outcome.FAILED and body.reads_its_agents(self.channel)

    def _is_for_the_next(self, body: Body | None, event: Any) -> bool:
        """Whether a body has failed while what comes before it was waited for; then the next one gets the event."""
        if not self.is_abandoned(body):
            return False
        self._take_back({event})
        return True

    def _leave_left(self) -> None:
        """Leave what loops had that were left and are not closed yet: that is done by a task of its own."""
        for event in (*[reader.event for reader in self.readers], *self.listed):
            if hasattr(event, "part") and event.reader.stream is self and _was_left(event.reader):
                self._leave(event)

    def _go_on(self, line: Line) -> None:
        """A loop begins; what this task had before is finished, and what was had by whoever has begun it."""
        task, body = asyncio.current_task(), current_body()
        for before in (*self.listed, self.current_event):
            if hasattr(before, "part") and before.reader.task is task and not before.is_settled:
                self.open.append(before)
        is_open = set(self.open)
        self.listed = [event for event in self.listed if event not in is_open]
        self.current_event = None
        # Not what others are at, also of the same body. What a task had that has ended, and was not counted as finished
        # then, comes again, or is the body's.
        own = [event for event in self.open if event.reader.body is body and event.reader.task is task]
        self._close([*own, *self._handed_on(line, body)])
        if nobodys := {event for event in self.open if _is_nobodys(event.reader)}:
            self.open = [event for event in self.open if event not in nobodys]
            self._take_back(nobodys)
        self._unwatch()

    def _close(self, events: list[Any]) -> None:
        """Whoever was at some of the open events has gone on: they are finished, or his to acknowledge by hand."""
        closed = set(events)
        if not closed:
            return
        self.open = [event for event in self.open if event not in closed]
        if self.unseen:
            unseen = closed & self.unseen
            closed -= unseen
            self._take_back(unseen)
        for event in closed:
            part, offset = event.part, event.record.offset
            if not (event.reader.acks or getattr(event, "has_failed", False)):
                event.is_passed = True
                with ack_lock:
                    if offset in part.held:
                        part.held[offset] = weakref.ref(event)
                continue
            if part.position <= offset < part.taken:
                part.is_left = False
            event.is_settled = True
            self._finish(event, is_skipped=False)
        self._unwatch()

    def _take_back(self, events: set[Any]) -> None:
        """Have events that nobody has seen, or that are nobody's, taken again, in their order."""
        self.unseen -= events
        put_back([(self, event) for event in self._settled(events)])

    def _pass(self, reader: Reader, event: Any) -> None:
        """A body has asked for the next record: what loops within its own have had, and were left at, is finished.

        Args:
            reader: of the loop that goes on.
            event: that it had.
        """
        within = [each for each in (self.current_event, *self.listed) if each is not event and hasattr(each, "part")]
        for each in within:
            if each.reader is not reader and each.reader.task is reader.task and not each.is_settled:
                self.open.append(each)
        is_open = set(self.open)
        self.listed = [each for each in self.listed if each not in is_open]
        self._close([each for each in self.open if self._was_within(each.reader, reader, event)])

    def take_open(self, body: Body | None) -> list[Any]:
        """Hand out the events that a body was at, to whoever knows that it has failed.

        Args:
            body: None for the task that this is called in.
        """
        found = set(self._of(body))
        for reader in self.readers:
            if reader.event in found:
                reader.event = None
        if self.current_event in found:
            self.current_event = None
        self.open = [event for event in self.open if event not in found]
        self.unseen -= found
        self.listed = [event for event in self.listed if event not in found]
        self._unwatch()
        return self._settled(found)

    def take_kept(self, body: Body) -> list[Any]:
        """The same of events that it was to acknowledge by itself, and has not."""
        return self._settled(set(self._handed_out(body)))

    def _settled(self, found: set[Any]) -> list[Any]:
        taken = [event for event in found if _is_unfinished(event)]
        taken.sort(key=lambda event: (event.part.tp, event.record.offset))
        for event in taken:
            event.is_settled = True
            self._tell_out(event, is_left=True)
        return taken

    def events_of(self, body: Body) -> list[Any]:
        """The events that a body is at."""
        return [event for event in set(self._of(body)) if _is_unfinished(event)]

    def _of(self, body: Body | None) -> Iterable[Any]:
        task = asyncio.current_task()
        for event in (self.current_event, *(reader.event for reader in self.readers), *self.open, *self.listed):
            if hasattr(event, "part") and (event.reader.stream is not self or self._is_of(event.reader, body, task)):
                # One that another stream has read was put into this one's channel by hand.
                yield event

    def _is_of(self, reader: Reader, body: Body | None, task: Any) -> bool:
        """Whether what a reader has is that of a body, or of a task.

        What tasks have that a body has started is the body's: where they have ended with it, and where they read the
        agent's own channel, which the next body will read. Any others go on beside it.
        """
        if body is None:
            return reader.body is None and reader.task in (None, task)
        if reader.body is not body:
            return False
        others = reader.task is not None and reader.task is not task
        return body.reads_its_agents(self.channel) or not (
            others and not reader.task.done() and not reader.task.cancelling()
        )

    def _handed_out(self, body: Body) -> Iterable[Any]:
        task = asyncio.current_task()
        for event in self.app.consumer.ledger.held(self.channel):
            reader: Reader | None = getattr(event, "reader", None)
            if reader is None or reader.acks:
                continue
            if reader.stream is self and self._is_of(reader, body, task):
                yield event

    def _finish(self, event: Any, *, is_skipped: bool) -> None:
        """Count a record as finished."""
        raise NotImplementedError


def _is_unfinished(event: Any) -> bool:
    return not event.is_settled and event.part.is_taken(event.record.offset)


def _is_nobodys(reader: Reader) -> bool:
    """Whether the task of a reader has failed or was cancelled, and no agent will say what becomes of what it had."""
    task, body = reader.task, reader.body
    if task is None or not task.done():
        return False
    if body is not None:
        return body.outcome in (Outcome.CANCELLED, Outcome.FAILED)
    # Of one that has ended well, `_on_task_end` says it, perhaps in the next step.
    return not isinstance(task, Asking) and not has_ended_well(task)


def _was_left(reader: Reader) -> bool:
    """Whether nobody has a reader's loop any more; a task of its own closes it, perhaps when the next one has begun."""
    return reader.iterator is not None and reader.iterator() is None
