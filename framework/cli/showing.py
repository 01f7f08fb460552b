"""How what was found is shown: JSON, or tables once or again and again; knows nothing of what it is about."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from typing import TypeVar

import orjson
from rich.console import Console, RenderableType
from rich.live import Live

from framework.states import SeatState

EVERY = 1.0
"""Seconds between two looks with `--watch`."""

STATE_STYLES: Mapping[SeatState, str] = {
    SeatState.RUNNING: "green",
    SeatState.STARTING: "yellow",
    SeatState.STOPPING: "yellow",
}
"""Colours of the states in which somebody has the seat."""

T = TypeVar("T")


def print_json(answer: object, *, one_line: bool = False) -> None:
    """Write one JSON object to the standard output, so that a pipe has it at once."""
    sys.stdout.write(orjson.dumps(answer, option=0 if one_line else orjson.OPT_INDENT_2).decode() + "\n")
    sys.stdout.flush()


async def show(
    found: T,
    look: Callable[[], Awaitable[T]],
    table_of: Callable[[T], RenderableType],
    document: Callable[[T], object],
    *,
    watch: bool,
    as_json: bool,
) -> T:
    """Show what was found, or with `watch` again and again until cancelled: on a terminal one table that changes.

    Args:
        found: the first look.
        look: looks again.
        table_of: what a person sees of it.
        document: what a machine does.
        watch: whether to look again each `EVERY` seconds.
        as_json: whether a machine reads it.

    Returns:
        What was shown.
    """
    console = Console(highlight=False, markup=False)
    is_live = watch and not as_json and console.is_terminal
    with Live(console=console, auto_refresh=False) if is_live else nullcontext() as live:
        while True:
            if live is not None:
                live.update(table_of(found), refresh=True)
            elif as_json:
                print_json(document(found), one_line=watch)
            else:
                console.print(table_of(found))
            if not watch:
                return found
            await asyncio.sleep(EVERY)
            found = await look()
