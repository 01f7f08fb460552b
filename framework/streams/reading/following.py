"""Records of changelogs that are only followed, waiting while there are others; decides nothing about positions."""

from collections import deque
from collections.abc import Collection
from typing import Any

from faust.types import TP

ENOUGH = 2_000
"""Records that may wait before no more of their partitions are fetched."""


class Backlog:
    """What was fetched of followed partitions and not delivered yet, in order.

    A worker that comes to follow a partition anew reads all of it, thousands of records a fetch. Were they delivered as
    they come, those that agents wait for would stand behind them.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[TP, Any, int]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, tp: TP, record: Any, seeks: int) -> None:
        """Take in a record.

        Args:
            tp: its partition.
            record: as fetched.
            seeks: how often the position of the partition had been set when it was read.
        """
        self._waiting.append((tp, record, seeks))

    def pop(self) -> tuple[TP, Any, int]:
        """Take out the one that has waited longest."""
        return self._waiting.popleft()

    def drop(self, tps: Collection[TP]) -> dict[TP, tuple[int, int]]:
        """Take out all of some partitions; returns `{partition: (offset of the first of them, its seeks)}`."""
        dropped: dict[TP, tuple[int, int]] = {}
        for tp, record, seeks in self._waiting:
            if tp in tps:
                dropped.setdefault(tp, (record.offset, seeks))
        self._waiting = deque(item for item in self._waiting if item[0] not in tps)
        return dropped

    def partitions(self) -> set[TP]:
        """The partitions that have records here."""
        return {tp for tp, _, _ in self._waiting}

    @property
    def next_partition(self) -> TP | None:
        """That of the one that has waited longest."""
        return self._waiting[0][0] if self._waiting else None
