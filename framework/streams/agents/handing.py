"""Whose the record is that a task of a body has read which has ended: it may have handed it on."""

import asyncio
import weakref
from collections import Counter
from contextvars import Context
from typing import Any

import structlog

from framework.streams.agents.bodies import Body, Outcome, has_ended_well
from framework.streams.agents.deriving import Deriving
from framework.streams.agents.origins import Line
from framework.streams.reading.events import Asking, Reader

log = structlog.get_logger(__name__)

WHOSE_NEXT = "who is at what tasks have handed on as they ended is not known; no commit passes it before the body ends"


class Handing(Deriving):
    """Faust's stream, as far as it hears of the end of tasks whose loops were left."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.open: list[Any] = []
        """Events whose loop was left."""
        self.unseen: set[Any] = set()
        """Of the open ones those that no body had: of a list that was not full, in a processor that was cancelled."""
        self._watched: set[asyncio.Task[Any]] = set()
        """Tasks whose end has a say in what becomes of open events, and is to be heard of."""
        self._ended: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        """Those whose end was heard of."""
        self._is_said = False

    def _watch(self, reader: Reader) -> None:
        """Hear of the end of the tasks that have a say in what becomes of what a reader has left.

        A task may leave thousands of loops, so it has one callback for all of them; and not in the context of the loop,
        in which the event is.
        """
        for task in _have_a_say(reader) - self._watched:
            task.add_done_callback(self._on_task_end, context=Context())
            self._watched.add(task)

    def _unwatch(self) -> None:
        """Hear no more of tasks that have nothing open."""
        if not self._watched:
            return
        needed: set[Any] = set().union(*(_have_a_say(event.reader) for event in self.open))
        for task in self._watched - needed:
            task.remove_done_callback(self._on_task_end)
        self._watched &= needed

    def _on_task_end(self, task: asyncio.Task[Any]) -> None:
        self._watched.discard(task)
        self._ended.add(task)
        if has_ended_well(task) and not self.app.should_stop:
            self._close([event for event in self.open if _is_done_with_its_task(event.reader, task)])

    def _handed_on(self, line: Line, body: Body | None) -> list[Any]:
        """What whoever begins a loop has of others' loops, which he has done with: he asks for the next record.

        As `await wait_for(read_one(stream), 5.0)` does: to read, it has begun a task. Whoever has awaited it has its
        record until he asks for the next one, by another such task or by himself. The other way round, too: what a
        task has read by itself it has until it begins one that reads. Not what others of the body have, who may be at
        it, or have heard of a failure that the body will hear of.

        Where somebody was handed on several records by tasks side by side he may be at any of them. Then all are left
        open until the body has ended well; so are those of which nobody knows who has them.

        What no body has seen is nobody's, whoever has left it, and is taken again.
        """
        if body is None:
            return []
        left = [event for event in self.open if event.reader.body is body and event.reader.line is not None]
        unseen = [event for event in left if event in self.unseen and self._is_handed_on(event.reader)]
        had = {
            event: event.reader.line.holder()
            for event in left
            if event not in self.unseen and (not event.reader.task.done() or self._is_handed_on(event.reader))
        }
        pairs = {pair for event, pair in had.items() if event.reader.acks and pair[1] is not None}
        givers = Counter(holder for holder, _ in pairs)
        found = [event for event in had if event.reader.line.has_gone_on(line)]
        closed = [event for event in found if givers[had[event][0]] <= 1]
        if not self._is_said and (len(closed) < len(found) or any(holder is None for holder, _ in had.values())):
            self._is_said = True
            log.warning("delivery.left_open", channel=str(self.channel), reason=WHOSE_NEXT)
        return [*unseen, *closed]

    def _was_within(self, inner: Reader, outer: Reader, event: Any) -> bool:
        """Whether a loop was left within another's event: by the same task, or one that it has begun there."""
        if inner is outer or inner.body is not outer.body:
            return False
        if inner.task is outer.task:
            return True
        return self._is_handed_on(inner) and inner.line is not None and inner.line.was_begun_at(event, outer.line)

    def _is_unheard_of(self, reader: Reader) -> bool:
        """Whether one of the tasks that had what a reader has left has failed, or was cancelled, in this moment."""
        ended = [task for task in _have_a_say(reader) if task.done() and task not in self._ended]
        return any(not has_ended_well(task) for task in ended)

    def _is_handed_on(self, reader: Reader) -> bool:
        task, body = reader.task, reader.body
        if task is None or not task.done():
            return False
        if body is not None and body.outcome in (Outcome.FAILED, Outcome.CANCELLED):
            return False
        if isinstance(task, Asking):
            return True
        if body is None:
            # `_on_task_end` says it, or it is put back.
            return False
        if not has_ended_well(task):
            # Not before those have heard of it who fail with it, or are cancelled.
            return task in self._ended
        return task.result() is not None

    def _close(self, events: list[Any]) -> None:
        """Whoever was at some of the open events has gone on."""
        raise NotImplementedError


def _have_a_say(reader: Reader) -> set[Any]:
    task, body, line = reader.task, reader.body, reader.line
    given_to = () if line is None else line.tasks_above()
    return {each for each in (task, body and body.task, *given_to) if isinstance(each, asyncio.Future)}


def _is_done_with_its_task(reader: Reader, task: Any) -> bool:
    """Whether what a reader has left is finished where a task has ended well.

    Whatever becomes of a body, or of a task of the app, its asyncio task itself ends well. A task that it has begun may
    have handed on its record as its result: then whoever has begun it has it, and so on up to the body.
    """
    body = reader.body
    if body is None:
        return reader.task is task
    if body.outcome is Outcome.WELL:
        return reader.task is task or (body.task is task and reader.task is not None and reader.task.done())
    if body.outcome is not None or body.task is task or task.result() is not None:
        return False
    return reader.task is task or (reader.line is not None and reader.line.is_had_by(task))
