"""What each access to a table needs, in one place that is quick to read."""

from collections.abc import Callable
from typing import Any

from framework.streams.tables.desks import Desk
from framework.streams.tables.tallies import Tally


class AtHand:
    """What a table has found out about itself.

    An attribute that is also one of the table's class, as each `cached_property` is, is looked up in both. Five of them
    were a tenth of an access.

    Attributes:
        values: the table's, for reading and changing.
        tally: counts accesses.
        is_collected: whether changes are known to be collected.
        plain, dump_key: the table's; only where they are.
        desk: the last at which an event had its turn that knows its reader.
    """

    __slots__ = ("desk", "dump_key", "is_collected", "plain", "tally", "values")

    plain: frozenset[type]
    dump_key: Callable[[Any], bytes]

    def __init__(self, table: Any) -> None:
        self.values: dict[Any, Any] | None = table._values
        self.tally = Tally(table)
        self.is_collected = False
        self.desk = Desk(None, None)

    def collects(self, table: Any) -> bool:
        """Find out whether changes are collected, which is known when one is made: the app has its producer then."""
        if table._is_collected:
            self.plain, self.dump_key = table._plain, table._dump_key
            self.is_collected = True
        return self.is_collected
