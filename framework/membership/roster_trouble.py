"""When a trouble with the roster is worth a warning, and how soon to try again; no clock, no Kafka."""

from dataclasses import dataclass, field

from framework.backoff import Backoff

RETRY_FIRST = 0.2
"""Seconds to the second try."""

RETRY_AFTER = 2.0
"""Seconds between tries in the end."""

LASTING = 3.0
"""Seconds after which a trouble does not look as if it passed by itself, so that somebody has to hear of it."""

_BACKOFF = Backoff(RETRY_FIRST, RETRY_AFTER, jitter=RETRY_FIRST / 4)


@dataclass(slots=True)
class Trouble:
    """One kind of trouble, which comes and goes.

    What passes by itself within a moment is nobody's business: a topic that is just being created, a change of leaders.
    So it is tried again soon, and warned of only once it has lasted.

    Attributes:
        patience: seconds between two warnings.
        lasting: seconds from the first failure in a row after which it is worth a warning.
        backoff: how long to wait between tries.
    """

    patience: float
    lasting: float = LASTING
    backoff: Backoff = _BACKOFF
    _failures: int = field(default=0, init=False)
    _due: float = field(default=0.0, init=False)
    _warned_at: float = field(default=float("-inf"), init=False)
    _is_told: bool = field(default=False, init=False)

    @property
    def is_on(self) -> bool:
        """Whether the last try failed."""
        return self._failures > 0

    def failed(self, now: float) -> bool:
        """Note that a try failed.

        Args:
            now: monotonic seconds.

        Returns:
            Whether to warn of it now.
        """
        if not self._failures:
            self._due = now + self.lasting
        self._failures += 1
        if now < self._due or now - self._warned_at < self.patience:
            return False
        self._warned_at, self._is_told = now, True
        return True

    def passed(self) -> bool:
        """Note that a try went well, or that this trouble is none any more; returns whether it had been warned of."""
        was_told = self._is_told
        self._failures, self._is_told = 0, False
        return was_told

    def retry_after(self, now: float, chance: float) -> float:
        """Seconds to the next try, which is not later than the moment when the trouble is worth a warning.

        Args:
            now: monotonic seconds.
            chance: a random number in [0, 1).
        """
        delay = self.backoff.delay(max(1, self._failures), chance)
        left = self._due - now
        return min(delay, left) if left > 0 else delay
