"""A fake: what a worker would have written into the roster, in order."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from framework.membership.roster import Entry, Wanted
from framework.membership.roster_view import RosterView


class FakeKeeper:
    """A fake of `RosterKeeper`; put in the place of the class.

    Attributes:
        entry: the first one.
        said: the changes to it, in order; `None` for the start, and the last ones for the end.
        is_closed: whether it has ended.
    """

    def __init__(
        self,
        connection: Any,
        entry: Entry,
        *,
        group_id: str,
        replication_factor: int,
        on_wanted: Callable[[Wanted, bool], None],
        heartbeat: Callable[[], float | None],
        on_control: Callable[[RosterView], None] = lambda _view: None,
        on_written: Callable[[float], None] = lambda _began_at: None,
    ) -> None:
        self.entry = entry
        self.group_id = group_id
        self.replication_factor = replication_factor
        self.on_wanted = on_wanted
        self.heartbeat = heartbeat
        self.on_control = on_control
        self.on_written = on_written
        self.said: list[dict[str, Any] | None] = []
        self.is_closed = False

    @property
    def now(self) -> Entry:
        """The entry with all changes so far."""
        entry = self.entry
        for changes in self.said:
            entry = replace(entry, **(changes or {}))
        return entry

    def start(self) -> None:
        self.said.append(None)

    def tell(self, **changes: Any) -> None:
        assert not self.is_closed
        self.said.append(changes)

    def close(self, timeout: float = 1.0, **changes: Any) -> None:
        self.said.append(changes)
        self.is_closed = True


class Keepers(list[FakeKeeper]):
    """All that were made."""

    def __call__(self, *args: Any, **options: Any) -> FakeKeeper:
        self.append(FakeKeeper(*args, **options))
        return self[-1]
