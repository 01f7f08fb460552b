"""Batches that fail their checksum: fetched again for a while, then the worker ends; knows no fetcher."""

import logging
from dataclasses import dataclass
from time import monotonic
from typing import Any

from aiokafka.errors import CorruptRecordException

LOGGER = logging.getLogger("faust.framework.consumer")

TRIES = 3
"""How often a batch must have been found corrupt before the worker ends."""

PATIENCE = 5.0
"""Seconds for which it must have been so."""

PAUSE = 0.5
"""Seconds after which such a batch is fetched again; it may be a megabyte."""


@dataclass(slots=True)
class Finding:
    """What was found where a partition is to be read on.

    Attributes:
        offset: of the position.
        since: when it was found first, monotonic.
        last: when it was found last, monotonic.
        times: how often it was found in a row.
    """

    offset: int
    since: float
    last: float
    times: int = 1


class Corrupt:
    """The partitions that cannot be read on because the next batch is corrupt.

    It may have been so on its way only. If it stays so the worker ends: nobody else would notice that a partition
    stands still while its neighbours go on.
    """

    def __init__(self) -> None:
        self._found: dict[Any, Finding] = {}

    def add(self, tp: Any, offset: int) -> None:
        """The batch that a partition is to be read on with is corrupt."""
        now = monotonic()
        before = self._found.get(tp)
        if before is None or before.offset != offset:
            LOGGER.error("A batch of %s is corrupt; it is fetched again for %s seconds.", _place(tp, offset), PATIENCE)
            self._found[tp] = Finding(offset, now, now)
        else:
            before.last, before.times = now, before.times + 1

    def discard(self, tp: Any) -> None:
        """A partition was read on."""
        self._found.pop(tp, None)

    def clear(self) -> None:
        """Other partitions are read from here on."""
        self._found.clear()

    def must_wait(self, tp: Any) -> bool:
        """Whether a partition is not to be fetched again yet."""
        found = self._found.get(tp)
        return found is not None and monotonic() < found.last + PAUSE

    def raise_if_it_stays(self) -> None:
        """Raise if a batch was corrupt too often for too long.

        Raises:
            CorruptRecordException: it names the partition and the offset.
        """
        for tp, found in self._found.items():
            seconds = found.last - found.since
            if found.times >= TRIES and seconds >= PATIENCE:
                raise CorruptRecordException(
                    f"The batch of {_place(tp, found.offset)} was corrupt {found.times} times in {seconds:.1f} s. "
                    "The broker's copy is damaged: restore it, or set the group's offset behind it to go on without it."
                )


def _place(tp: Any, offset: int) -> str:
    return f"{tp.topic}[{tp.partition}]@{offset}"
