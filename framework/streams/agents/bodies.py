"""Whose record it is: a run of an agent's body or of a task, whichever asyncio tasks it has its streams read by."""

import asyncio
from contextvars import ContextVar
from enum import Enum, auto
from typing import Any

from framework.streams.agents.origins import begin_line
from framework.streams.reading.events import place_of

ENDS = (KeyboardInterrupt, SystemExit, GeneratorExit)
"""What is raised to end a process or a generator. Anything else is a failure, also what is no `Exception`: extensions
that are written in Rust have such."""


class Outcome(Enum):
    """How a body has ended; whatever it had in hand then is finished, to be done again, or left unfinished."""

    WELL = auto()
    FAILED = auto()
    CANCELLED = auto()


class Body:
    """One run of an agent's body, or of a task of the app.

    It is known to whatever runs on behalf of it by a context variable, which tasks that it starts inherit.

    Attributes:
        task: the asyncio task that it runs in.
        streams: what it has looped over, or has had looped over.
        outcome: how it has ended; None before.
        agents: the stream that its agent has given it; None for a task of the app.
    """

    def __init__(self, agents: Any = None) -> None:
        self.agents = agents
        self.task = asyncio.current_task()
        self.streams: dict[Any, None] = {}
        self.outcome: Outcome | None = None

    def places(self) -> list[str]:
        """What it has taken and not finished, as `topic[partition]@offset`."""
        return [place_of(event) for stream in self.streams for event in stream.events_of(self)]

    def reads_its_agents(self, channel: Any) -> bool:
        """Whether a channel is one that the agent's bodies read, one after the other."""
        stream = self.agents
        while stream is not None:
            if stream.channel is channel:
                return True
            stream = stream._next
        return False

    @classmethod
    def begin(cls, agents: Any = None) -> "Body":
        """What runs in this context from here on belongs to a new body."""
        body = cls(agents)
        begin_line()
        _current.set(body)
        return body


_current: ContextVar[Body | None] = ContextVar("body", default=None)


def current_body() -> Body | None:
    """The body on whose behalf this runs; None outside agents and tasks of the app."""
    return _current.get()


def belong_to_nobody() -> None:
    """What runs in this context from here on outlives the body that has begun it."""
    _current.set(None)


def was_cancelled_from_outside() -> bool:
    """Whether somebody has cancelled this task, and not something that it has awaited."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def has_ended_well(task: Any) -> bool:
    """Whether a task that has ended did so by a result."""
    return not task.cancelled() and task.exception() is None
