"""`framework group wait`: returns when a group is as it should be, or says what is missing."""

import asyncio
import time
from dataclasses import dataclass

import typer
from rich.console import Console

from framework.cli.looking import looking_at
from framework.cli.naming import counted
from framework.cli.showing import print_json
from framework.errors import CheckFailedError
from framework.membership.group import Group
from framework.membership.scaling import ranked
from framework.settings import Settings

POLL = 0.2
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to wait for.

    Attributes:
        stable: whether the group has to be Stable.
        seats: how many seats it has to have; None for any number.
    """

    stable: bool = False
    seats: int | None = None


def missing(group: Group, wish: Wish) -> tuple[str, ...]:
    """What is not as wished, a clause each."""
    found: list[str] = []
    if wish.stable and not group.is_stable:
        found.append(f"the group is {group.state}, not Stable" if group.exists else "the group does not exist")
    if wish.seats is not None and len(group.seats) != wish.seats:
        names = ", ".join(ranked(group.seats, {}))
        found.append(f"it has {len(group.seats)} of {wish.seats} seats{f' ({names})' if names else ''}")
    return tuple(found)


def run(settings: Settings, group_id: str, wish: Wish, *, timeout: float, as_json: bool) -> None:
    """Wait; exit code 3 if it was in vain.

    Raises:
        CheckFailedError: it is not as wished in time.
    """
    start = time.monotonic()
    waiting = Waiting(group_id, wish)
    why = f"after {timeout:g} s"
    try:
        asyncio.run(waiting.until(settings, start + timeout))
    except KeyboardInterrupt:
        why = "yet, and the wait was interrupted"
    lacking = waiting.missing
    if as_json:
        answer = {
            "group_id": group_id,
            "ok": not lacking,
            "state": waiting.group.state if waiting.group is not None else None,
            "seats": ranked(waiting.group.seats, {}) if waiting.group is not None else [],
            "missing": lacking,
            "seconds": time.monotonic() - start,
        }
        print_json(answer)
    if lacking:
        raise CheckFailedError(f"Group {group_id!r} is not as it should be {why}: {'; '.join(lacking)}.")
    if not as_json:
        group = waiting.group
        assert group is not None, "it was looked at once at least"
        typer.echo(f"Group {group_id!r} is {group.state} with {counted(len(group.seats), 'seat')}.")


@dataclass(slots=True)
class Waiting:
    """A wait, and what was seen last."""

    group_id: str
    wish: Wish
    group: Group | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """What is not as wished."""
        return missing(self.group, self.wish) if self.group is not None else ("nobody has looked at it",)

    async def until(self, settings: Settings, deadline: float) -> None:
        """Look until it is as wished, or until `deadline` in monotonic seconds; once at least."""
        async with looking_at(settings, self.group_id, roster=False) as outlook:
            with Console(stderr=True).status(f"Waiting for group {self.group_id}") as status:
                while True:
                    self.group = await outlook.admin.describe(self.group_id)
                    if not self.missing or time.monotonic() >= deadline:
                        return
                    status.update(f"Waiting for group {self.group_id}: {'; '.join(self.missing)}")
                    await asyncio.sleep(min(POLL, max(0.0, deadline - time.monotonic())))
