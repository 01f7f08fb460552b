"""A fake: a roster that a test writes by hand, and a clock that goes on only while somebody waits for it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from framework.identity import Incarnation
from framework.membership.roster import Entry
from framework.membership.roster_records import encode
from framework.membership.roster_view import RosterView
from framework.states import SeatState


def entry_of(seat: str, **changes: object) -> Entry:
    """An entry of a worker in `seat`; `changes` to its fields."""
    fields: dict[str, object] = {
        "group_instance_id": seat,
        "client_id": f"{seat}@box#1700000000000-0000000a",
        "incarnation": Incarnation("box", 4711, 1_700_000_000_000, "0000000a"),
        "state": SeatState.RUNNING,
        "since_ms": 1_700_000_000_000,
        "service": "w",
    }
    return Entry(**{**fields, **changes})  # type: ignore[arg-type]


@dataclass(slots=True)
class FakeRoster:
    """A fake of `RosterReader`; waiting moves the time.

    Attributes:
        now: monotonic seconds.
        view: what was written.
        problem: why silence in it means nothing; empty where it does.
        on_wait: called with the time after each wait.
    """

    now: float = 100.0
    view: RosterView = field(default_factory=RosterView)
    problem: str = ""
    on_wait: Callable[[float], None] = lambda _: None

    def clock(self) -> float:
        """The time."""
        return self.now

    def is_telling(self, now: float) -> bool:
        """Whether there is no problem."""
        return not self.problem

    def doubt(self, now: float) -> str:
        """The problem."""
        return self.problem

    async def changed(self, timeout: float | None) -> bool:
        """Let the time go on."""
        await self.pause(timeout or 0.0)
        return False

    async def pause(self, seconds: float) -> None:
        """Let the time go on."""
        self.now += seconds
        self.on_wait(self.now)
        await asyncio.sleep(0)

    def write(self, entry: Entry) -> None:
        """As a worker does."""
        self.view.apply(entry.group_instance_id.encode(), encode(entry), self.now, 0)

    def forget(self, seat: str) -> None:
        """Delete an entry."""
        self.view.apply(seat.encode(), None, self.now, 0)
