"""What all kinds of tables have in common: their store, and what of it outlives a recovery."""

import logging
from typing import Any

from faust.tables.base import Collection
from faust.types import TP


class Stored(Collection):
    """Has our store for `rocksdb://`."""

    logger = logging.getLogger("faust.framework.tables")

    def _new_store_by_url(self, url: Any) -> Any:
        driver = (self.options or {}).get("driver")
        if str(url).partition(":")[0] != "rocksdb" or driver == "python-rocksdb":
            return super()._new_store_by_url(url)
        # Loads RocksDB, which few apps have.
        from framework.streams.tables.rocksdb import Store

        return Store(
            url,
            self.app,
            self,
            table_name=self.name,
            key_type=self.key_type,
            key_serializer=self.key_serializer,
            value_serializer=self.value_serializer,
            value_type=self.value_type,
            loop=self.loop,
            options=self.options,
        )

    def on_its_way(self, partition: int, mark: Any) -> Any:  # noqa: ARG002 - for those who collect
        """What is newer of a key than what the store has; None if nothing is."""
        return None

    def all_on_its_way(self, partition: int) -> dict[Any, Any]:  # noqa: ARG002
        """All that is newer in a partition than what the store has."""
        return {}

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """As in Faust; but what there is of partitions that are only followed is kept.

        The store in memory drops all but active partitions. The followed ones are not read again from their beginning.
        """
        await super().on_recovery_completed(active_tps | standby_tps, standby_tps)
