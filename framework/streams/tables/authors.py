"""Who is changing a table just now, if the order of the changes is known; looks at Faust's agents."""

import asyncio
from typing import Any
from weakref import ReferenceType, WeakKeyDictionary, ref

from faust.agents.agent import current_agent
from faust.streams import current_event

_Task = asyncio.Task[Any]


class Authors:
    """Knows the tasks that run an agent's body."""

    def __init__(self) -> None:
        # An actor refers to its task: held strongly here, neither would ever go.
        self._actors: WeakKeyDictionary[_Task, ReferenceType[Any]] = WeakKeyDictionary()

    def current(self) -> tuple[str, Any] | None:
        """The agent's name and the message whose turn it is, or None where changes may come out of order.

        The order is known of an agent whose body takes event by event in one task. It is not where the agent runs
        several bodies at once (`concurrency`), takes events by the batch or acknowledges them itself (the stream's acks
        are off), or has started a task of its own for the change: such a task sees the event it was started under,
        while the agent is with a later one.
        """
        event, task = current_event(), asyncio.current_task()
        if event is None or task is None:
            return None
        known = self._actors.get(task)
        actor = self._find(task) if known is None else known()
        if actor is None:
            return None
        stream = actor.stream
        while stream._next is not None:  # derived ones, as of `group_by`; the last is what the body reads
            stream = stream._next
        message = event.message
        # A channel in memory has no offsets; they are all -1.
        if not stream.enable_acks or stream.current_event is not event or message.offset < 0:
            return None
        return actor.agent.name, message

    def _find(self, task: _Task) -> Any:
        agent: Any = current_agent()
        if agent is None or agent.concurrency > 1:
            return None
        for actor in agent._actors:
            if actor.actor_task is task:
                self._actors[task] = ref(actor)
                return actor
        return None
