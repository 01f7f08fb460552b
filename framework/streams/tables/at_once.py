"""How changes of a table are sent one by one, as Faust does: exactly-once, and whatever the fast path does not do."""

from typing import Any

from faust.stores.memory import Store as MemoryStore
from faust.types import TP

from framework.streams.tables.changes import Entry
from framework.streams.tables.collected import Collected
from framework.streams.tables.stamps import as_headers, stamps_of


class AtOnce(Collected):
    """The part of a table that sends each change when it is made."""

    def _set_at_once(self, key: Any, value: Any) -> None:
        change = self._entry(key, value, self.value_serializer)
        if self._claim(change):
            self._send(change)
            if self._is_buffered:
                self._show(change)
            else:
                self.data[key] = value
                self._belongs(key, change.message.partition)
            self._sensor_on_set(self, key, value)
        self._maybe_set_key_ttl(key, change.message.partition)

    def _delete_at_once(self, key: Any) -> None:
        change = self._entry(key, None, "raw")
        if self._send_deletion(change):
            self._sensor_on_del(self, key)
            if not self._is_buffered:
                del self.data[key]
                self._belongs_nowhere(key)
        self._maybe_del_key_ttl(key, change.message.partition)

    def _send_deletion(self, change: Any) -> bool:
        """Whether a deletion is to be made; agents of a store that waits for the changelog see it."""
        is_new = self._claim(change)
        if is_new:
            self._send(change)
            if self._is_buffered:
                self._show(change)
        return is_new

    def _entry(self, key: Any, value: Any, serializer: Any, partition: int | None = None) -> Any:
        """The changelog record of a change; its key's bytes and its partition are known before it is sent."""
        return self.changelog_topic.as_future_message(
            key=key,
            value=value,
            partition=self.partition_for_key(key) if partition is None else partition,
            key_serializer=self.key_serializer,
            value_serializer=serializer,
            callback=self._on_changelog_sent,
            eager_partitioning=True,
        )

    def _claim(self, change: Any) -> bool:
        """Whether to make this change; writes its headers."""
        if not self._is_once:
            return True
        message, author = change.message, self._authors.current()
        desk = self._desks.of(author, message.partition)
        own = []
        if desk.book is not None:
            number = desk.book.count(message.key)
            if number is None:
                self.app.tables.sources.suppressed += 1
                return False
            own = [(desk.book.born, desk.book.time, desk.book.at, number, desk.book.source)]
        ledger = desk.changes.ledger
        told = as_headers(own, ledger.points(message.key), ledger.carried(message.key, but=desk.book))
        if isinstance(message.headers, dict):
            message.headers.update(told)
        else:
            message.headers.extend(told)
        return True

    def _send(self, change: Any) -> None:
        self.app.producer.send_soon(change)

    def _show(self, change: Any) -> None:
        """Have agents see a change that is on its way to the changelog."""
        message = change.message
        self.data._db_for_partition(message.partition)
        flying = self.changes_of(message.partition).flying
        entry = flying.get(message.key)
        if entry is None:
            entry = flying[message.key] = Entry(message.key)
        entry.value, entry.has_expired = message.value, False
        entry.outstanding += 1
        if message.value is not None:
            self.data.place(message.key, message.partition)

    def _belongs(self, key: Any, partition: int) -> None:
        """Have the key go when the partition goes; Faust's store forgets that of keys which were set here."""
        if isinstance(self.data, MemoryStore):
            self.data._key_partition[key] = partition

    def _belongs_nowhere(self, key: Any) -> None:
        """Forget the partition of a key that is not there any more."""
        if isinstance(self.data, MemoryStore):
            self.data._key_partition.pop(key, None)

    def _on_changelog_sent(self, fut: Any) -> None:
        sent, message = fut.result(), fut.message
        self.app.tables.written.add(TP(self.changelog_topic_name, message.partition), 1, sent.offset)
        if self._is_buffered:
            # In a transaction Faust writes the offset down with the commit.
            offset = None if self.app.in_transaction else sent.offset
            try:
                self._confirm(message, offset)
            except Exception as error:  # noqa: BLE001 - the store's; whoever calls this would only log it
                self.app.tables.flushing.fail_soon(error)
        if self.app.in_transaction or not self._is_buffered:
            super()._on_changelog_sent(fut)

    def _confirm(self, message: Any, offset: int | None) -> None:
        poster = self._partitions.get(message.partition)
        entry = None if poster is None else poster.changes.flying.get(message.key)
        if poster is None or entry is None or not self.data.is_open(message.partition):
            # The partition was given up meanwhile. Whoever has it next reads the changelog from the stored offset.
            return
        if self.app.tables.flushing.has_failed:
            # An earlier change is not in the store, and an offset behind it would say that it was.
            return
        entry.outstanding -= 1
        if not entry.outstanding:
            del poster.changes.flying[message.key]
        value = None if entry.has_expired else message.value
        self.data.keep_one(message.partition, offset, message.key, value, stamps_of(message.headers))
