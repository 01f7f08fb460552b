"""Who is changing a table just now, if the order of the changes is known; looks at Faust's agents."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import ReferenceType, WeakKeyDictionary, ref

from faust.agents.agent import current_agent
from faust.streams import current_event
from faust.types import TP

_Task = asyncio.Task[Any]

# `running_in` gives the task that an event loop runs now.
if sys.version_info < (3, 12):
    from asyncio.tasks import _current_tasks  # type: ignore[attr-defined]

    # asyncio's own way is compiled only in later Pythons.
    running_in: Callable[[Any], Any] = _current_tasks.get
else:
    running_in = asyncio.current_task


class Author(NamedTuple):
    """An agent's body that has an event.

    Attributes:
        agent: its name.
        tp, offset: the event's place.
        time: the event's timestamp, ms.
        token: is another object when the same event comes again.
    """

    agent: str
    tp: TP
    offset: int
    time: int
    token: Any


class Authors:
    """Knows the tasks that run an agent's body."""

    def __init__(self) -> None:
        # An actor refers to its task: held strongly here, neither would ever go.
        self._actors: WeakKeyDictionary[_Task, ReferenceType[Any]] = WeakKeyDictionary()

    def current(self) -> Author | None:
        """The agent whose turn it is, with its event, or None where changes may come out of order.

        The order is known of an agent whose body takes event by event in one task. It is not where the agent runs
        several bodies at once (`concurrency`), takes events by the batch or acknowledges them itself (the stream's acks
        are off), or has started a task of its own for the change: such a task sees the event it was started under,
        while the agent is with a later one.
        """
        event: Any = current_event()
        task = asyncio.current_task()
        if event is None or task is None:
            return None
        reader = getattr(event, "reader", None)
        if reader is not None:
            return author_of(event) if is_turn_of(event, reader) else None
        actor = self._actor_of(task)
        if actor is None:
            return None
        stream = actor.stream
        while stream._next is not None:  # derived ones, as of `group_by`; the last is what the body reads
            stream = stream._next
        message = event.message
        # A channel in memory has no offsets; they are all -1.
        if not stream.enable_acks or stream.current_event is not event or message.offset < 0:
            return None
        return Author(actor.agent.name, message.tp, message.offset, round((message.timestamp or 0) * 1000), message)

    def _actor_of(self, task: _Task) -> Any:
        known = self._actors.get(task)
        return self._find(task) if known is None else known()

    def _find(self, task: _Task) -> Any:
        agent: Any = current_agent()
        if agent is None or agent.concurrency > 1:
            return None
        for actor in agent._actors:
            if actor.actor_task is task:
                self._actors[task] = ref(actor)
                return actor
        return None


def is_turn_of(event: Any, reader: Any) -> bool:
    """Whether the task that runs now is the one that has this event in hand, of those that our own loop gives out."""
    if not reader.is_ordered or reader.agent is None or reader.stream.current_event is not event:
        return False
    return running_in(reader.loop) is reader.task


def author_of(event: Any) -> Author:
    """The author of changes in the turn of an event that our own loop has given out."""
    record = event.record
    return Author(event.reader.agent, event.part.tp, record.offset, record.timestamp or 0, event)
