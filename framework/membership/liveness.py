"""Which seats have a live process, found out by watching whether it renews its entry; knows no group."""

import time
from collections.abc import Callable, Iterable
from typing import Protocol

from framework.errors import RosterUnavailableError
from framework.membership.roster import Entry
from framework.membership.roster_view import RosterView, Seen

LONGEST = 5.0
"""Seconds to watch an entry at most, as long as that is enough to see one that is written in time."""

_LOOK = 0.2


class Roster(Protocol):
    """What is needed of a `RosterReader`."""

    @property
    def view(self) -> RosterView:
        """What was read so far."""
        ...

    def is_telling(self, now: float) -> bool:
        """Whether silence in the view proves a death."""
        ...

    def doubt(self, now: float) -> str:
        """Why it is not telling, and what to do, as sentences for a person; empty where it is."""
        ...

    async def changed(self, timeout: float) -> bool:
        """Wait for a new record."""
        ...


def watch_for(entry: Entry) -> float:
    """Seconds without a new entry after which the writer of this one is taken for dead.

    Three intervals, but no longer than `LONGEST`; for an interval that is too long for that, one and a half.
    """
    return max(min(3 * entry.interval, LONGEST), 1.5 * entry.interval)


async def live_seats(
    roster: Roster, seats: Iterable[str], clock: Callable[[], float] = time.monotonic
) -> frozenset[str]:
    """The seats among `seats` whose process lives; returns as soon as each one's fate is known.

    An instance id of the standby group may stand for a seat: its worker speaks in the same roster. A seat without any
    entry counts as live: whoever sits in it does not speak for itself.

    Raises:
        RosterUnavailableError: a seat is silent, and that means nothing just now: the roster cannot be read to its end,
            or nobody may write to it; the message names the right that is missing.
    """
    start, asked = clock(), frozenset(seats)
    before = {seat: roster.view.live(seat, start) for seat in asked}
    live: set[str] = set()
    pending = set(asked)
    while pending:
        now = clock()
        for seat in sorted(pending):
            if (fate := _fate(roster.view, seat, before[seat], now, now - start)) is not None:
                pending.discard(seat)
                live |= {seat} if fate else set()
        if pending:
            await roster.changed(_LOOK)
    if live != asked and (doubt := roster.doubt(clock())):
        raise RosterUnavailableError(doubt)
    return frozenset(live)


def _fate(view: RosterView, seat: str, first: Seen | None, now: float, watched: float) -> bool | None:
    """True: it lives, or nothing says that it does not; False: it is dead; None: not known yet."""
    if seat not in view.seats() and seat not in view.standbys():
        return True
    newest = view.live(seat, now)
    if newest is None:
        return False
    if first is None or newest.seen_at > first.seen_at:
        return True
    return False if watched >= watch_for(newest.entry) else None
