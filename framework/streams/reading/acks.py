"""How far a partition may be committed; pure."""

from collections.abc import Sequence


def committable(floor: int, acked: Sequence[int], gaps: Sequence[tuple[int, int]]) -> int:
    """The offset below which everything is done: the one to commit.

    Args:
        floor: everything below it is done already.
        acked: offsets of finished records, ascending.
        gaps: `(first, one past the last)` of offsets that hold no record, ascending; compaction and transactions make
            them.
    """
    position, next_acked, next_gap = floor, 0, 0
    while True:
        if next_acked < len(acked) and acked[next_acked] <= position:
            position = max(position, acked[next_acked] + 1)
            next_acked += 1
        elif next_gap < len(gaps) and gaps[next_gap][0] <= position:
            position = max(position, gaps[next_gap][1])
            next_gap += 1
        else:
            return position
