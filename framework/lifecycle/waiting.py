"""Where tasks of asyncio wait: what the log of a stop that did not end has to say."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType
from typing import Any

MOST = 100
"""Places that are told of at most."""


def all_waits(loops: Iterable[asyncio.AbstractEventLoop]) -> list[str]:
    """Where the tasks of some event loops wait, `place > place`, as `waits_at` says it; from any thread.

    A stop is waited for through services that wait for each other, so the one task that holds it up may be any. Tasks
    that wait at the same place are told of once, with their number.
    """
    found = Counter(
        " > ".join(waits_at(task)) for loop in loops if not loop.is_closed() for task in asyncio.all_tasks(loop)
    )
    return [place if number == 1 else f"{number} x {place}" for place, number in found.most_common(MOST) if place]


def waits_at(task: Any) -> list[str]:
    """The coroutines that a task is in, `file:line function` each, the outermost first; may be asked from any thread.

    What an asynchronous generator waits for is not to be seen.

    Args:
        task: one of asyncio's; None or one that is done waits nowhere.
    """
    if task is None or task.done():
        return []
    return [f"{_place(code)}:{line} {code.co_qualname}" for code, line in _frames(task.get_coro())]


def _frames(coroutine: Any) -> Iterator[tuple[CodeType, int]]:
    while coroutine is not None:
        kind = next((kind for kind in ("cr", "gi", "ag") if hasattr(coroutine, f"{kind}_frame")), None)
        frame = getattr(coroutine, f"{kind}_frame") if kind else None
        if frame is None:
            return
        yield frame.f_code, frame.f_lineno
        coroutine = getattr(coroutine, "gi_yieldfrom" if kind == "gi" else f"{kind}_await")


def _place(code: CodeType) -> str:
    return "/".join(Path(code.co_filename).parts[-2:])
