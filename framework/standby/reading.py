"""Reads the changelogs that the standby group grants and has them applied; does not know what to ask for."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import ConsumerStoppedError, IllegalStateError, KafkaError
from faust.types import TP

from framework.membership.coordinator_requests import SeatLostError
from framework.standby.applying import Applier
from framework.standby.pace import Pace
from framework.standby.progress import Progress

log = structlog.get_logger(__name__)

POLL_MS = 100
"""How long to wait for records before looking at the positions."""

RETRY = 0.5
"""Seconds between two attempts while the brokers do not answer."""

AWAY = (KafkaError, SeatLostError, IllegalStateError, ConsumerStoppedError, OSError, TimeoutError)
"""What a broker that is away, a rebalance or the end of the membership looks like from here."""


class Reader(ConsumerRebalanceListener):
    """Applies what is granted and wanted, a turn of the event loop at a time.

    Args:
        consumer: a `StaticConsumer`.
        applier: has the tables.
        fields: of each log line.
    """

    def __init__(self, consumer: Any, applier: Applier, fields: Mapping[str, Any]) -> None:
        self.progress = Progress()
        self.wanted: frozenset[TP] = frozenset()
        """What may be applied, of all that is granted."""
        self.granted: frozenset[TP] = frozenset()
        """What the group lets this member read."""
        self.ready: frozenset[TP] = frozenset()
        """Granted, wanted and positioned."""
        self.blocked: dict[TP, str] = {}
        """`{partition: why it cannot be positioned}`"""
        self._consumer = consumer
        self._applier = applier
        self._fields = fields
        self._pace = Pace()
        self._grants = 0
        self._committed: dict[TP, int] = {}
        self._positioned = asyncio.Event()
        self._moved = asyncio.Event()
        self._is_over = False
        self._changing = asyncio.Lock()
        """Held while tables are changed or positions set."""

    # --- called by aiokafka -------------------------------------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:  # noqa: ARG002 - a rejoin revokes all
        """The group rebalances; what was fetched and not applied is read again."""
        self._grants += 1
        self.granted = self.ready = frozenset()

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """The group has granted partitions; aiokafka begins where it committed, we go on where the tables end."""
        self._grants += 1
        self.granted = frozenset(TP(topic, number) for topic, number in assigned)
        await self.position()

    # --- positions ----------------------------------------------------------------------------------------------------

    async def position(self) -> None:
        """Begin with the partitions that are granted and wanted, and not read yet."""
        if self._is_over:
            return
        async with self._changing:
            grants = self._grants
            for tp in sorted((self.granted & self.wanted) - self.ready):
                if _partition(tp) not in self._consumer.assignment():
                    continue  # the subscription has changed, and a rebalance is to come
                start = self._start_of(tp)
                if start is not None:
                    self._consumer.seek(_partition(tp), start)
                    self.progress.moved(tp, start)
                    self.ready |= {tp}
                    self._positioned.set()
                # To open a database takes a while.
                await asyncio.sleep(0)
                if grants != self._grants:
                    return

    def _start_of(self, tp: TP) -> int | None:
        try:
            start = self._applier.start_of(tp)
        except Exception as error:  # noqa: BLE001 - RocksDB raises nothing more exact
            if tp not in self.blocked:
                log.warning(
                    "standby.table_not_open", topic=tp.topic, partition=tp.partition, error=str(error), **self._fields
                )
            self.blocked[tp] = f"the table of {tp.topic}[{tp.partition}] cannot be opened: {error}"
            return None
        self.blocked.pop(tp, None)
        return start

    async def want(self, wanted: Iterable[TP]) -> None:
        """Apply only these from now on, and empty the tables of the others."""
        before, self.wanted = self.wanted, frozenset(wanted)
        await self.drop(before - self.wanted)
        await self.position()

    async def drop(self, gone: frozenset[TP]) -> None:
        """Empty the tables of some partitions."""
        if not gone:
            return
        async with self._changing:
            self.wanted -= gone
            self.ready -= gone
            self.progress.forget(gone)
            for tp in gone:
                self.blocked.pop(tp, None)
                self._committed.pop(tp, None)
            await self._applier.forget(gone, self.wanted)

    # --- in the background --------------------------------------------------------------------------------------------

    async def read(self) -> None:
        """Apply records for ever."""
        while True:
            while not self.ready:
                self._positioned.clear()
                await self._positioned.wait()
            try:
                await self._turn()
            except AWAY as error:
                log.warning("standby.not_read", error=repr(error), **self._fields)
                await asyncio.sleep(RETRY)

    async def _turn(self) -> None:
        ready, grants = self.ready, self._grants
        found = await self._consumer.getmany(*map(_partition, ready), timeout_ms=POLL_MS, max_records=self._pace.size)
        started = time.monotonic()
        async with self._changing:
            for partition, records in found.items():
                tp = TP(*partition)
                if grants == self._grants and tp in self.ready:
                    await self._applier.apply(tp, records)
                    self.progress.moved(tp, records[-1].offset + 1)
        if found:
            self._pace.took(sum(map(len, found.values())), time.monotonic() - started)
        if grants == self._grants:
            self._pass_gaps(ready & self.ready)
        self._moved.set()
        await asyncio.sleep(0)

    def _pass_gaps(self, tps: Iterable[TP]) -> None:
        """Everything fetched so far is applied: what the positions are ahead of it, holds no record."""
        for tp in tps:
            position = self._consumer.position_of(_partition(tp))
            if position is not None:
                self.progress.moved(tp, position)

    async def has_moved(self) -> None:
        """Wait for the end of the turn."""
        self._moved.clear()
        await self._moved.wait()

    def let_go(self) -> None:
        """Touch no table and no position any more, whatever the group grants."""
        self._is_over = True

    async def look(self) -> None:
        """Ask the brokers once where the changelogs end."""
        self.progress.ended(await self.ends(self.wanted & self.progress.positions.keys()))

    async def ends(self, tps: Iterable[TP]) -> dict[TP, int]:
        """`{partition: offset of the next record to be written}`."""
        found = await self._consumer.end_offsets([_partition(tp) for tp in tps])
        return {TP(*partition): end for partition, end in found.items()}

    async def commit(self) -> None:
        """Tell the standby group how far it is, so that Kafka's tools show the lag."""
        new = {tp: self.progress.positions[tp] for tp in self.ready}
        new = {tp: offset for tp, offset in new.items() if offset > 0 and self._committed.get(tp) != offset}
        if new:
            await self._consumer.commit({_partition(tp): offset for tp, offset in new.items()})
            self._committed.update(new)


def _partition(tp: TP) -> Any:
    return TopicPartition(tp.topic, tp.partition)
