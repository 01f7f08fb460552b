"""Up to where a changelog partition need not be read again: what was recovered, and what was written behind it."""

from collections.abc import ItemsView

from faust.types import TP


class Written:
    """What this process has written behind what it has recovered of partitions that nobody else writes to.

    Step by step, why it is not read again at a rebalance in which the partition stays. One agent has set K at 0,
    another one has changed it at 1 to 14 since. What is known of the second agent goes beyond that, so its records
    count as late. That of the first one does not, because it is the last that is known of it: K is back at what it was
    at 0, and with the next change it is so in the changelog, too.

    Somebody else may have written all the same: a worker that was cut off, or one of a table with a partitioner. Then
    the offsets of what is written here have a gap, and the partition is to be read from its beginning.
    """

    def __init__(self) -> None:
        self._ends: dict[TP, int | None] = {}

    def recovered(self, tp: TP, offset: int) -> None:
        """All is here up to this offset."""
        end = self._ends.get(tp, offset)
        self._ends[tp] = None if end is None else max(end, offset)

    def add(self, tp: TP, records: int, last: int | None) -> None:
        """So many records were confirmed, of which this is the last one's offset; None where it is not known."""
        end = self._ends.get(tp)
        if end is not None:
            self._ends[tp] = last if last == end + records else None

    def forget(self, tp: TP) -> None:
        """The partition was given up, or begins anew."""
        self._ends.pop(tp, None)

    def ends(self) -> ItemsView[TP, int | None]:
        """`(partition, offset up to which all is here)`; None where somebody else has written in between."""
        return {**self._ends}.items()
