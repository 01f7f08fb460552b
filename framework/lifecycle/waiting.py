"""Where a task of asyncio waits: what the log of a stop that did not end has to say."""

from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any


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
