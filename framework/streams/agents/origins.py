"""Which task has begun which, as whose a record is depends on it: asyncio does not tell, so a task factory notes it."""

import asyncio
import weakref
from itertools import count, pairwise
from typing import Any

from faust.streams import _current_event

_numbers = count(1)
_origins: "weakref.WeakKeyDictionary[asyncio.Task[Any], Origin]" = weakref.WeakKeyDictionary()


class Origin:
    """Where a task comes from: a body's own, or one that reads, or what such a one begins.

    Attributes:
        number: its place in the order in which tasks were begun.
        parent: a weak reference to the origin of the task that has begun it; None for a body's own, and if not known.
        at: a weak reference to the event that this one was at; None if there was none.
        reading: the tasks it has begun that have looped over streams, and whose end it has not passed yet.
        passed_at: number of the first task that the parent has begun after this one had ended; None before.
    """

    __slots__ = ("__weakref__", "_task", "at", "number", "parent", "passed_at", "reading")

    def __init__(self, task: "asyncio.Task[Any]", parent: "Origin | None" = None) -> None:
        # Weak, here and below: a task keeps its result and its context, in which an event is.
        self._task = weakref.ref(task)
        self.number = next(_numbers)
        self.parent = None if parent is None else weakref.ref(parent)
        event = _current_event.get(None)
        self.at: Any = event if event is None or isinstance(event, weakref.ref) else weakref.ref(event)
        self.reading: set[Origin] = set()
        self.passed_at: int | None = None
        if parent is not None:
            parent._has_begun(self)
        _origins[task] = self

    @property
    def task(self) -> "asyncio.Task[Any] | None":
        """The task, unless nobody has it any more."""
        return self._task()

    def is_done(self) -> bool:
        """Whether the task has ended."""
        task = self._task()
        return task is None or task.done()

    def _has_begun(self, other: "Origin") -> None:
        ended = {each for each in self.reading if each.is_done()}
        for each in ended:
            each.passed_at = other.number
        self.reading -= ended


class Line:
    """Who begins a loop: the task that asks for its first record, who has begun that task, and so on to the body's own.

    What the loop was left with is had by the first of them that has not ended: the others have handed it on to him.
    """

    def __init__(self) -> None:
        self._number = next(_numbers)
        task = asyncio.current_task()
        origin = None if task is None else _origins.get(task) or Origin(task)
        self.origins: list[Origin] = []
        while origin is not None:
            self.origins.append(origin)
            origin = None if origin.parent is None else origin.parent()
        for child, parent in pairwise(self.origins):
            parent.reading.add(child)

    def holder(self) -> tuple[Origin | None, Origin | None]:
        """Who has what the loop was left with, and who of those it has begun has handed it on; None if not known."""
        giver = None
        for origin in self.origins:
            if not origin.is_done():
                return origin, giver
            giver = origin
        return None, giver

    def tasks_above(self) -> list[Any]:
        """The tasks to which what the loop was left with may be handed on."""
        return [origin.task for origin in self.origins[1:]]

    def is_had_by(self, task: Any) -> bool:
        """Whether what the loop was left with was handed on as far as to a task."""
        for origin in self.origins:
            if origin.task is task or not origin.is_done():
                return origin.task is task
        return False

    def has_gone_on(self, later: "Line") -> bool:
        """Whether its holder has begun a later loop since: by itself, or by a task that it has begun for that."""
        holder, giver = self.holder()
        if holder is None or holder not in later.origins:
            return False
        place = later.origins.index(holder)
        if not place:
            return True
        number = later.origins[place - 1].number
        if giver is None:
            return number > self._number
        # Else both run beside each other.
        return giver.passed_at is not None and number >= giver.passed_at

    def was_begun_at(self, event: Any, outer: "Line") -> bool:
        """Whether it was handed on to the task of an outer loop, by one which that has begun at an event."""
        holder, giver = self.holder()
        if event is None or holder is None or giver is None or giver.at is None:
            return False
        return outer.origins[:1] == [holder] and giver.at() is event


class _Noting:
    """A task factory that notes the origin of tasks, beside what the app's own does."""

    def __init__(self, make: Any) -> None:
        self._make = make or _make

    def __call__(self, loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> Any:
        task = self._make(loop, coro, **options)
        before = asyncio.current_task(loop)
        if before is not None and (parent := _origins.get(before)) is not None and task not in _origins:
            Origin(task, parent)
        return task


def _make(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> "asyncio.Task[Any]":
    return asyncio.Task(coro, loop=loop, **options)


def begin_line() -> None:
    """Note from here on what this task begins, and what that does."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if not isinstance(loop.get_task_factory(), _Noting):
        loop.set_task_factory(_Noting(loop.get_task_factory()))
    if task is not None:
        Origin(task)
