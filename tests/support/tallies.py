"""Which keys of its tables the app under test changes for an input, and what must have come of all inputs; pure."""

from collections import Counter
from collections.abc import Iterable

from tests.support.figures import Acked


def keys_of(partition: int, seq: int, keys: int) -> tuple[str, str, str]:
    """The keys of `tallies` that an input adds one to, in this order: one of them twice, with another in between.

    Neighbours share a key, so that the order of events matters to each.

    Args:
        partition: of the input.
        seq: its number in that partition.
        keys: how many the table has a partition.
    """
    first, second = key_of(partition, seq % keys), key_of(partition, (seq + 1) % keys)
    return first, second, first


def key_of(partition: int, number: int) -> str:
    """The how manyeth key of a partition, from 0."""
    return f"{partition}-{number}"


def counted(inputs: Iterable[Acked]) -> dict[int, int]:
    """What `counts` must be: `{partition: inputs}`."""
    return dict(Counter(acked.partition for acked in inputs))


def tallied(inputs: Iterable[Acked], keys: int) -> dict[str, int]:
    """What `tallies` must be, from nothing: `{key: how often it was changed}`."""
    return dict(Counter(key for acked in inputs for key in keys_of(acked.partition, acked.seq, keys)))
