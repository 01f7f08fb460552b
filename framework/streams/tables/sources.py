"""Which source record made each change of the tables of this process, so that a replay does not make it again."""

from typing import Any

from faust.types import TP

from framework.streams.tables.books import Ledger
from framework.streams.tables.stamps import stamps_of


class Sources:
    """What is known of all changelog partitions in this process."""

    def __init__(self) -> None:
        self._ledgers: dict[TP, Ledger] = {}
        self._names: dict[tuple[str, TP], bytes] = {}
        self.suppressed = 0
        """How many changes were not made because they had survived."""

    def ledger(self, tp: TP) -> Ledger:
        """What is known of one changelog partition."""
        ledger = self._ledgers.get(tp)
        if ledger is None:
            ledger = self._ledgers[tp] = Ledger()
        return ledger

    def note(self, message: Any) -> bool:
        """Take in one record of a changelog, and say whether it is to be applied to its table.

        Args:
            message: Faust's `ConsumerMessage`, of which tp, key and headers count.

        Returns:
            False for a record that is older than what was taken in before of its key.
        """
        stamps = stamps_of(message.headers)
        return stamps is None or self.ledger(message.tp).note(message.key, stamps)

    def name(self, agent: str, tp: TP) -> bytes:
        """The source's name: what an agent reads of a partition."""
        name = self._names.get((agent, tp))
        if name is None:
            name = self._names[agent, tp] = f"{tp.partition} {tp.topic} {agent}".encode()
        return name

    def forget(self, tp: TP) -> None:
        """Of a changelog partition that others may write to from now on nothing is known any more."""
        self._ledgers.pop(tp, None)

    def known(self) -> set[TP]:
        """The changelog partitions of which something is known."""
        return set(self._ledgers)
