"""`framework standby status`: looks once, or again and again, and checks."""

import asyncio
from contextlib import suppress

from rich.console import Console

from framework.cli.naming import counted
from framework.cli.showing import show
from framework.cli.standby_documents import document
from framework.cli.standby_tools import WATCHING, tools_for
from framework.cli.standby_wording import table_of
from framework.errors import CheckFailedError
from framework.membership.protection import Protection
from framework.settings import Settings


def run(settings: Settings, group_id: str, *, watch: bool, check: bool, as_json: bool) -> None:
    """Show who protects whom, once or until interrupted.

    Raises:
        CheckFailedError: a seat is not protected, and that was to be checked.
    """
    found: Protection | None = None
    with suppress(KeyboardInterrupt):
        found = asyncio.run(_run(settings, group_id, watch=watch, as_json=as_json))
    if check and found is None:
        raise CheckFailedError(f"Whether the seats of group {group_id!r} are protected was not found out: interrupted.")
    if check and found is not None and not found.is_complete:
        raise CheckFailedError(unprotected(found))


def unprotected(found: Protection) -> str:
    """What is not protected, for a person."""
    group_id, why = found.group.group_id, [f"{line.seat}: {line.why_not}" for line in found.seats if line.why_not]
    if not found.seats:
        return f"Group {group_id!r} has no seat that could be protected."
    count = f"{len(why)} of {counted(len(found.seats), 'seat')}"
    problem = f" {found.problem}" if found.problem else ""
    return f"Not protected in group {group_id!r}: {count} ({'; '.join(why)}).{problem}"


async def _run(settings: Settings, group_id: str, *, watch: bool, as_json: bool) -> Protection:
    async with tools_for(settings, group_id) as tools:
        with Console(stderr=True).status(WATCHING):
            await tools.watch()
        return await show(await tools.look(), tools.look, table_of, document, watch=watch, as_json=as_json)
