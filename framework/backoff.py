"""Attempt number in, seconds to wait out; no clock, no randomness of its own."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff: `min(maximum, initial * base ** (attempt - 1)) + jitter * u`, with u in [0, 1).

    Attributes:
        initial: seconds before the second try.
        maximum: seconds that no wait exceeds, jitter aside.
        base: growth a try.
        jitter: seconds that chance may add, so that many workers do not try in step.
    """

    initial: float = 0.2
    maximum: float = 10.0
    base: float = 2.0
    jitter: float = 0.0

    def delay(self, attempt: int, chance: float = 0.0) -> float:
        """Seconds to wait after the `attempt`-th failure (1 is the first); `chance` is a random number in [0, 1)."""
        if attempt < 1:
            raise ValueError(f"attempt counts from 1, got {attempt}")
        # The exponent is clamped because 2.0 ** 1024 raises OverflowError.
        grown = self.initial * self.base ** min(attempt - 1, 64)
        return min(self.maximum, grown) + self.jitter * chance
