"""The keys of a partition in the order in which their windows end; knows no table."""

from contextlib import suppress
from heapq import heappop, heappush
from typing import Any


class Ends:
    """The keys of one partition by the ends of their windows, each key once.

    Attributes:
        is_tended: whether windows are closed here; else somebody else has the partition, or it is being recovered.
        is_complete: whether the keys that a database had from before are here.
        closed: `{key: its value in the store}` of keys whose windows have closed and that are still to be removed.
    """

    __slots__ = ("_heap", "_keys", "closed", "is_complete", "is_tended")

    def __init__(self, *, is_tended: bool, is_complete: bool) -> None:
        self.is_tended, self.is_complete = is_tended, is_complete
        self.closed: dict[Any, Any] = {}
        self._heap: list[float] = []
        self._keys: dict[float, set[Any]] = {}

    def add(self, end: float, key: Any) -> None:
        """A key is there."""
        keys = self._keys.get(end)
        if keys is None:
            keys = self._keys[end] = set()
            heappush(self._heap, end)
        keys.add(key)

    def discard(self, end: float, key: Any) -> None:
        """A key is not there any more."""
        keys = self._keys.get(end)
        if keys is not None:
            keys.discard(key)

    @property
    def first(self) -> float | None:
        """The earliest end; None if there is no key."""
        return self._heap[0] if self._heap else None

    def take(self) -> set[Any]:
        """Take out the keys of the earliest end; those that are added from here on are others."""
        return self._keys.pop(heappop(self._heap))

    def put_back(self, end: float, keys: set[Any]) -> None:
        """Put back what was taken out and not closed."""
        added = self._keys.get(end)
        if added is None:
            heappush(self._heap, end)
        else:
            keys.update(added)
        self._keys[end] = keys


def end_of(key: Any) -> float | None:
    """The end of a key's window.

    None if it has none, as where somebody has written to the table below the windows, or if it is none for a dict: of
    tuples in tuples Faust reads lists.
    """
    with suppress(TypeError, ValueError):
        _, (_, end) = key
        hash(key)
        return end if isinstance(end, int | float) else None
    return None
