"""The keys of tables of sets by partition, which Faust does not keep; knows no changelog."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from faust.tables.objects import ChangeloggedObjectManager
from faust.types import TP


def has_sets(table: Any) -> bool:
    """Whether a table keeps objects that log each change of themselves."""
    return isinstance(table.data, ChangeloggedObjectManager)


class SetKeys:
    """The keys of each changelog partition of tables of sets."""

    def __init__(self) -> None:
        self._keys: defaultdict[TP, set[Any]] = defaultdict(set)

    def note(self, table: Any, batch: Iterable[Any]) -> None:
        """Changes were applied."""
        for event in batch:
            self._keys[event.message.tp].add(table._to_key(event.key[1]))

    def forget(self, table: Any, tps: Iterable[TP]) -> None:
        """Drop the objects of partitions."""
        for tp in tps:
            for key in self._keys.pop(tp, ()):
                table.data.data.pop(key, None)
