"""Whose the record is that a task of a body has read which has ended: it may have handed it on."""

import asyncio
import weakref
from contextvars import Context
from typing import Any

import structlog

from framework.streams.agents.bodies import Body, Outcome, has_ended_well
from framework.streams.agents.deriving import Deriving
from framework.streams.reading.events import Asking, Reader

log = structlog.get_logger(__name__)

WHOSE_NEXT = "several tasks of a body have ended by handing on what they read; no commit passes it before the body ends"


class Handing(Deriving):
    """Faust's stream, as far as it hears of the end of tasks whose loops were left."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.open: list[Any] = []
        """Events whose loop was left."""
        self._watched: set[asyncio.Task[Any]] = set()
        """Tasks whose end has a say in what becomes of open events, and is to be heard of."""
        self._ended: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        """Those whose end was heard of."""
        self._been_here: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        """Tasks that have begun a loop."""
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

    def _handed_on(self, task: Any, body: Body | None) -> list[Any]:
        """What tasks of a body have read, and handed on as they ended: by a result, or an error that was caught.

        As `await wait_for(read_one(stream), 5.0)` does: to read, it has begun a task. Whoever has awaited it has its
        record until he asks for the next one, mostly by another such task, and asyncio does not tell who begins a task.
        So the next loop has it that a task begins which was not at the stream before, or the body's own. Not that of a
        task which was: it is a worker beside the others, and knows nothing of what they were handed.

        Where several such tasks have ended with a record each, some of the body's tasks may be at theirs yet, and the
        loop may be anybody's. Then all are left open until the body has ended well.
        """
        is_new = task not in self._been_here
        self._been_here.add(task)
        if not is_new and (body is None or body.task is not task):
            return []
        found = [event for event in self.open if event.reader.body is body and self._is_handed_on(event.reader)]
        if len({event.reader.task for event in found if event.reader.acks}) <= 1:
            return found
        if not self._is_said:
            self._is_said = True
            log.warning("delivery.left_open", channel=str(self.channel), reason=WHOSE_NEXT)
        return []

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
    task, body = reader.task, reader.body
    return {each for each in (task, None if body is None else body.task) if isinstance(each, asyncio.Future)}


def _is_done_with_its_task(reader: Reader, task: Any) -> bool:
    """Whether what a reader has left is finished where a task has ended well.

    Whatever becomes of a body, or of a task of the app, its asyncio task itself ends well. A task that it has begun may
    have handed on its record as its result: then the body has it.
    """
    body = reader.body
    if body is None:
        return reader.task is task
    if body.outcome is Outcome.WELL:
        return reader.task is task or (body.task is task and reader.task is not None and reader.task.done())
    return body.outcome is None and reader.task is task and body.task is not task and task.result() is None
