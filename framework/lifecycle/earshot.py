"""How well a standby hears the roster, told by the echo of its own entries; no clock, no Kafka."""

from framework.membership.roster_view import Seen

SLACK = 0.25
"""Seconds that an echo may be late, beside half an interval."""


class Earshot:
    """Since when everything that is written to the roster has reached this process without a gap.

    A standby writes entries of its own. As long as they come back on time, those of others do too, and who is not heard
    is silent. When they do not, for whatever reason (a broker away, a right taken, this process paused), silence means
    nothing, and counts anew from the moment when they are back.

    Args:
        interval: seconds between its entries.
    """

    def __init__(self, interval: float) -> None:
        self.is_after_gap = False
        """Whether it is the end of a gap, and not the start, since which it hears."""
        self._allowed = 1.5 * interval + SLACK
        self._since: float | None = None
        self._echo_at: float | None = None

    @property
    def was_heard(self) -> bool:
        """Whether an entry of its own has ever come back."""
        return self._echo_at is not None

    def heard(self, echo: Seen | None, now: float) -> None:
        """Take in its own newest entry as the roster has it."""
        if echo is None:
            return
        if self._echo_at is None or self._since is None or echo.seen_at - self._echo_at > self._allowed:
            self.is_after_gap = self._echo_at is not None
            self._since = echo.seen_at
        self._echo_at = echo.seen_at
        if now - self._echo_at > self._allowed:
            self._since = None

    def since(self, now: float) -> float | None:
        """Monotonic seconds since when it hears; None: it is deaf."""
        if self._echo_at is None or now - self._echo_at > self._allowed:
            return None
        return self._since
