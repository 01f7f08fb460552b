"""From changelog records to the app's tables, as Faust's recovery applies them; knows no group and no consumer."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import structlog
from faust.stores.memory import Store as MemoryStore
from faust.stores.rocksdb import Store as RocksStore
from faust.types import TP, ConsumerMessage

from framework.standby.sets import SetKeys, has_sets
from framework.streams.tables.collections import SetManager

log = structlog.get_logger(__name__)


class Applier:
    """Applies records to tables that are not started, and takes back what was applied.

    Args:
        app: whose tables; `app.tables.applied` is told.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._tables = {table.changelog_topic.get_topic_name(): table for table in app.tables.values()}
        self._set_keys = SetKeys()
        self.problems: dict[TP, str] = {}
        """`{partition: what of it could not be applied}`; the table differs from its owner's then."""

    @property
    def changelogs(self) -> frozenset[str]:
        """Names of the changelog topics."""
        return frozenset(self._tables)

    @property
    def global_changelogs(self) -> frozenset[str]:
        """Names of those of global tables, which everybody has in full."""
        return frozenset(topic for topic, table in self._tables.items() if table.is_global)

    def start_of(self, tp: TP) -> int:
        """Offset of the first record to apply.

        Raises:
            Exception: the table's database cannot be opened, for another process has it open.
        """
        known = [self._app.tables.applied.get(tp)]
        table = self._tables[tp.topic]
        if not has_sets(table) or isinstance(table.data, SetManager):
            # Faust's own store of sets notes the offset in its database, and not what it has applied.
            known.append(table.persisted_offset(tp))
        return max((offset + 1 for offset in known if offset is not None), default=0)

    async def apply(self, tp: TP, records: Sequence[Any]) -> None:
        """Apply records of one partition, in order; what cannot be applied is left out, and noted in `problems`.

        Args:
            tp: the partition.
            records: aiokafka's, at least one.
        """
        table = self._tables[tp.topic]
        batch: list[Any] = []
        for record in records:
            event = await self._event(table, tp, record)
            if event is not None:
                batch.append(event)
        self._flush(table, batch)
        self._app.tables.applied[tp] = records[-1].offset

    async def _event(self, table: Any, tp: TP, record: Any) -> Any:
        message = _message(tp, record)
        try:
            event = await table.changelog_topic.decode(message, propagate=True)
            await table.on_changelog_event(event)
        except Exception as error:  # noqa: BLE001 - codecs, models and callbacks are the app's own
            self._note(tp, record.offset, error)
            return None
        return event

    def _flush(self, table: Any, batch: list[Any]) -> None:
        try:
            self._apply(table, batch)
        except Exception:  # noqa: BLE001 - one record of many; which one, the next lines find out
            for event in batch:
                try:
                    self._apply(table, [event])
                except Exception as error:  # noqa: BLE001
                    self._note(event.message.tp, event.message.offset, error)
        batch.clear()

    def _apply(self, table: Any, batch: list[Any]) -> None:
        if batch:
            table.apply_changelog_batch(batch)
            if has_sets(table):
                self._set_keys.note(table, batch)

    def _note(self, tp: TP, offset: int, error: Exception) -> None:
        if tp not in self.problems:
            log.warning(
                "standby.record_not_applied", topic=tp.topic, partition=tp.partition, offset=offset, error=repr(error)
            )
        self.problems.setdefault(tp, f"{tp.topic}[{tp.partition}]@{offset} cannot be applied: {error!r}")

    async def forget(self, tps: Iterable[TP], remaining: Collection[TP]) -> None:
        """Empty the tables of some partitions, and close their databases so that another process may open them.

        Args:
            tps: no longer shadowed.
            remaining: still shadowed.
        """
        for topic, table in self._tables.items():
            gone = {tp for tp in tps if tp.topic == topic}
            if gone:
                await self._empty(table, gone, {tp for tp in remaining if tp.topic == topic})
        for tp in tps:
            self._app.tables.forget(tp)
            self.problems.pop(tp, None)

    async def _empty(self, table: Any, gone: set[TP], remaining: set[TP]) -> None:
        store = table.data
        if has_sets(table):
            self._set_keys.forget(table, gone)
            store = store.storage
        if isinstance(store, RocksStore):
            store.revoke_partitions(table, gone)
        elif isinstance(store, MemoryStore):
            # Deletes the keys of all other partitions.
            await store.on_recovery_completed(remaining, set())


def _message(tp: TP, record: Any) -> Any:
    return ConsumerMessage(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp / 1000,
        record.timestamp_type,
        record.headers,
        record.key,
        record.value,
        record.checksum,
        record.serialized_key_size,
        record.serialized_value_size,
        tp,
    )
