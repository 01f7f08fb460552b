"""Where tasks of asyncio wait: what the log of a stop that does not end has to say."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from types import CodeType
from typing import Any

MAX_PLACES = 50
"""Places that are told of."""


def all_waits(loops: Iterable[asyncio.AbstractEventLoop]) -> list[str]:
    """Where the tasks of some event loops wait: the coroutines that each is in, the outermost first; from any thread.

    A stop is waited for through services that wait for each other, so the one task that holds it up may be any. Tasks
    that wait at the same place are told of once, with their number; those that are alone come first. What an
    asynchronous generator waits for is not to be seen.

    Returns:
        `file:line function > file:line function`, with `3 x ` before it where three tasks wait there.
    """
    tasks = [task for loop in loops if not loop.is_closed() for task in asyncio.all_tasks(loop)]
    places = sorted(Counter(tuple(_frames(task.get_coro())) for task in tasks).items(), key=itemgetter(1))
    told = [f"{number} x {_path(frames)}" if number > 1 else _path(frames) for frames, number in places[:MAX_PLACES]]
    more = len(places) - len(told)
    return [*told, f"and {more} more places"] if more else told


def _frames(coroutine: Any) -> Iterator[tuple[CodeType, int]]:
    while coroutine is not None:
        kind = next((kind for kind in ("cr", "gi", "ag") if hasattr(coroutine, f"{kind}_frame")), None)
        frame = getattr(coroutine, f"{kind}_frame") if kind else None
        if frame is None:
            return
        yield frame.f_code, frame.f_lineno
        coroutine = getattr(coroutine, "gi_yieldfrom" if kind == "gi" else f"{kind}_await")


def _path(frames: Iterable[tuple[CodeType, int]]) -> str:
    return " > ".join(f"{_place(code)}:{line} {code.co_qualname}" for code, line in frames)


def _place(code: CodeType) -> str:
    return "/".join(Path(code.co_filename).parts[-2:])
