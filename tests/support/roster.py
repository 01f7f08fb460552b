"""Entries, keepers and what stands in a roster's topic, for the tests of the roster."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from framework.identity import Incarnation
from framework.membership.connection import Connection
from framework.membership.roster import SEATS, Entry, Wanted, topic_name
from framework.membership.roster_keeper import RosterKeeper
from framework.membership.roster_reader import RosterReader
from framework.membership.roster_records import decode
from framework.settings import Settings
from framework.states import SeatState
from framework.testing import eventually

ENTRY = Entry(
    group_instance_id="w-0",
    client_id="w-0@host#1700000000000-0000abcd",
    incarnation=Incarnation("host", 12, 1_700_000_000_000, "0000abcd"),
    state=SeatState.STARTING,
    since_ms=1_700_000_000_000,
    service="w",
    ordinal=0,
)


def connection(bootstrap_servers: str) -> Connection:
    """A connection without TLS and login."""
    return Connection.from_settings(
        Settings.load(environ={}, env_file=None, bootstrap_servers=bootstrap_servers), "test"
    )


class Roster:
    """The roster of one group as a test sees it; closes the keepers it made."""

    def __init__(self, bootstrap_servers: str, group_id: str) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.connection = connection(bootstrap_servers)
        self.group_id = group_id
        self.topic = topic_name(group_id)
        self.wanted: list[tuple[Wanted, bool]] = []
        self._keepers: list[RosterKeeper] = []

    def keeper(self, entry: Entry = ENTRY, **options: Any) -> RosterKeeper:
        """A keeper that is running; what it is told of wishes is in `wanted`."""
        keeper = RosterKeeper(
            self.connection,
            replace(entry, interval=0.2),
            group_id=self.group_id,
            replication_factor=1,
            on_wanted=lambda wanted, is_new: self.wanted.append((wanted, is_new)),
            heartbeat=lambda: 0.25,
            **options,
        )
        self._keepers.append(keeper)
        keeper.start()
        return keeper

    def close(self) -> None:
        """End every keeper."""
        for keeper in self._keepers:
            keeper.close()

    def written(self, partition: int = SEATS) -> list[tuple[bytes | None, bytes | None]]:
        """Every record of a partition as `(key, value)`."""
        where = TopicPartition(self.topic, partition)
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap_servers, auto_offset_reset="earliest")
        try:
            consumer.assign([where])
            end = consumer.end_offsets([where])[where]
            consumer.seek_to_beginning()
            found: list[tuple[bytes | None, bytes | None]] = []
            while consumer.position(where) < end:
                batches: dict[TopicPartition, list[Any]] = consumer.poll(timeout_ms=200)
                found += [(record.key, record.value) for records in batches.values() for record in records]
            return found
        finally:
            consumer.close()

    def entries(self) -> list[Entry]:
        """Every entry there is, in the order of writing."""
        decoded = (decode(key, value) for key, value in self.written() if value is not None)
        return [entry for entry in decoded if isinstance(entry, Entry)]

    def write(self, records: Iterable[tuple[bytes | None, bytes | None]], partition: int = SEATS) -> None:
        """Write any records."""
        producer = KafkaProducer(bootstrap_servers=self.bootstrap_servers)
        for key, value in records:
            producer.send(self.topic, key=key, value=value, partition=partition).get(timeout=10)
        producer.close()

    def seats(self) -> dict[str, Entry]:
        """What a reader that starts now finds: `{group_instance_id: entry}`."""

        async def read() -> dict[str, Entry]:
            reader = RosterReader(self.connection, self.group_id)
            try:
                await reader.start()
            finally:
                await reader.close()
            return {seat: seen.entry for seat, seen in reader.view.seats().items()}

        return asyncio.run(read())

    def exists(self) -> bool:
        """Whether the topic is there."""
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap_servers)
        try:
            return self.topic in admin.list_topics()
        finally:
            admin.close()

    def delete(self) -> None:
        """Delete the topic and wait until it is gone."""
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap_servers)
        try:
            with suppress(Exception):
                admin.delete_topics([self.topic])
            eventually(lambda: self.topic not in admin.list_topics())
        finally:
            admin.close()
