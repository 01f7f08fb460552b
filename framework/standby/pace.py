"""How many records to apply before the event loop has its turn; pure."""

from dataclasses import dataclass

TURN = 0.005
"""Seconds that one turn is to take; a record may cost a hundred times what another one does."""

FEWEST, MOST = 1, 1000
FIRST = 50


@dataclass(slots=True)
class Pace:
    """Adapts the size of a turn to how long the last one took.

    Attributes:
        size: records in the next turn.
    """

    size: int = FIRST

    def took(self, records: int, seconds: float) -> None:
        """A turn of so many records took so long; the next one is at most twice as large."""
        fitting = int(records * TURN / seconds) if seconds > 0 else MOST
        self.size = max(FEWEST, min(MOST, 2 * self.size, fitting))
