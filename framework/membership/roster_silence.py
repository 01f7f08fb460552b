"""Whether a worker that is silent in the roster has died, or could not be heard; no clock, no Kafka."""

from dataclasses import dataclass, field
from enum import StrEnum

from framework.membership.roster import STALE_AFTER

CURRENT_WITHIN = 3.0
"""Seconds since the last successful poll for which a view counts as current."""


class Doubt(StrEnum):
    """Why silence proves nothing just now.

    | doubt | meaning | what ends it |
    |---|---|---|
    | UNREADABLE | what is written does not reach us | a successful poll, and the time of `TOO_EARLY` |
    | UNWRITABLE | this user may not write, so the workers may be unable to | the right, and the time of `TOO_EARLY` |
    | TOO_EARLY | one of the two has just ended | `STALE_AFTER`: whoever lives has written by then |
    """

    UNREADABLE = "unreadable"
    UNWRITABLE = "unwritable"
    TOO_EARLY = "too early"


@dataclass(slots=True)
class Silence:
    """What is known of how well the workers can be heard.

    All times are monotonic seconds. It begins without a doubt: entries of the past are as old as those behind them
    prove, so whoever starts to read need not wait before it takes a dead process for one.
    """

    _read_at: float | None = field(default=None, init=False)
    _may_write: bool = field(default=True, init=False)
    _proves_from: float = field(default=float("-inf"), init=False)

    def was_read(self, now: float) -> None:
        """Note a successful poll."""
        if self._read_at is not None and not self.is_current(now):
            self.start_over(now)
        self._read_at = now

    def is_unread(self) -> None:
        """Note that nobody reads any more."""
        self._read_at = None

    def has_rights(self, may_write: bool, now: float) -> None:
        """Note whether this user may write, as the broker says."""
        if may_write and not self._may_write:
            self.start_over(now)
        self._may_write = may_write

    def start_over(self, now: float) -> None:
        """Give everybody the time of an entry to speak."""
        self._proves_from = now + STALE_AFTER

    def is_current(self, now: float) -> bool:
        """Whether everything was read that was written until just now."""
        return self._read_at is not None and now - self._read_at < CURRENT_WITHIN

    def doubt(self, now: float) -> Doubt | None:
        """Why silence proves nothing; None where it proves a death."""
        if not self.is_current(now):
            return Doubt.UNREADABLE
        if not self._may_write:
            return Doubt.UNWRITABLE
        return Doubt.TOO_EARLY if now < self._proves_from else None
