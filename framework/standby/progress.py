"""How far a shadow is in each changelog, in offsets; plain data, asks nobody."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from faust.types import TP


@dataclass(slots=True)
class Progress:
    """Positions and ends. Never a count of records: compaction and transactions leave gaps.

    Attributes:
        positions: `{partition: offset behind the last record applied, gaps passed}`.
        ends: `{partition: offset of the next record to be written, as the broker told it last}`.
        caught_up: partitions that were at their end once.
    """

    positions: dict[TP, int] = field(default_factory=dict)
    ends: dict[TP, int] = field(default_factory=dict)
    caught_up: set[TP] = field(default_factory=set)

    def moved(self, tp: TP, position: int) -> None:
        """A partition is applied up to here."""
        self.positions[tp] = position
        self._look(tp)

    def ended(self, ends: Mapping[TP, int]) -> None:
        """The broker has told where partitions end."""
        for tp, end in ends.items():
            self.ends[tp] = end
            self._look(tp)

    def _look(self, tp: TP) -> None:
        if self.lag(tp) == 0:
            self.caught_up.add(tp)

    def lag(self, tp: TP) -> int | None:
        """Offsets to the end; None where one of both is not known."""
        if tp not in self.positions or tp not in self.ends:
            return None
        return max(0, self.ends[tp] - self.positions[tp])

    def has_reached(self, ends: Mapping[TP, int]) -> bool:
        """Whether everything before these offsets is applied."""
        return all(self.positions.get(tp, -1) >= end for tp, end in ends.items())

    def forget(self, tps: Iterable[TP]) -> None:
        """These are no longer shadowed."""
        for tp in tps:
            self.positions.pop(tp, None)
            self.ends.pop(tp, None)
            self.caught_up.discard(tp)
