"""What each access to a table needs, in one place that is quick to read."""

from collections.abc import Callable
from typing import Any

from framework.streams.tables.desks import Desk


class _NoTally:
    """Stands for a tally that was made for other sensors than there are."""

    sensors, size = (), -1


class AtHand:
    """What a table has found out about itself.

    An attribute that is also one of the table's class, as each `cached_property` is, is looked up in both. Five of them
    were a tenth of an access. The table has this object as an attribute of its own.

    Attributes:
        values: the table's, for reading and changing; None as long as nobody has asked for them (`find_values`).
        tally: counts accesses; at first one that is outdated.
        is_collected: whether changes are known to be collected.
        plain, dump_key: the table's; only where they are.
        desk: the last at which an event had its turn that knows its reader.
    """

    __slots__ = ("_is_found", "desk", "dump_key", "is_collected", "plain", "tally", "values")

    plain: frozenset[type]
    dump_key: Callable[[Any], bytes]

    def __init__(self) -> None:
        self.values: dict[Any, Any] | None = None
        self._is_found = False
        self.tally: Any = _NoTally()
        self.is_collected = False
        self.desk = Desk(None, None)

    def find_values(self, table: Any) -> dict[Any, Any] | None:
        """The table's values, which are known when the app has its settings; None where there are no such."""
        if not self._is_found:
            self.values, self._is_found = table._values, True
        return self.values

    def collects(self, table: Any) -> bool:
        """Find out whether changes are collected, which is known when one is made: the app has its producer then."""
        if table._is_collected:
            self.find_values(table)
            self.plain, self.dump_key = table._plain, table._dump_key
            self.is_collected = True
        return self.is_collected
