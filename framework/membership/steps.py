"""How far a group's scaling is, as data; decides nothing."""

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """How far a step is; each can follow the name of the seat."""

    WAITING = "waits for its turn"
    ASKED = "is asked to leave"
    STOPPING = "finishes its work"
    GONE = "has left, the group rebalances"
    REMOVED = "was removed, the group rebalances"
    DONE = "is done"


@dataclass(frozen=True, slots=True)
class Step:
    """One seat on its way out.

    Attributes:
        seat: its instance id.
        phase: how far it is.
        action: `left` by itself, or `removed` because its worker is dead.
        standstill: seconds from the moment its worker took no new work, or was removed, until every partition was in
            work again; 0 if it never was in the group, None before the end.
        seconds: from the beginning of the step to its end; None before the end.
        generation_id: of the group afterwards; -1 where no worker said it.
    """

    seat: str
    phase: Phase = Phase.WAITING
    action: str = "left"
    standstill: float | None = None
    seconds: float | None = None
    generation_id: int = -1


@dataclass(frozen=True, slots=True)
class Progress:
    """All steps at one moment: those that are done, the one under way, those that wait."""

    steps: tuple[Step, ...]
    missing: tuple[str, ...] = ()

    @property
    def done(self) -> int:
        """Steps that are over."""
        return sum(step.phase is Phase.DONE for step in self.steps)
