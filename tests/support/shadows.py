"""Shadows of a test, each with an app of its own, and what there is to shadow."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any

from kafka import KafkaProducer

from framework import Settings
from framework.errors import MembershipError
from framework.membership.admin import GroupAdmin
from framework.membership.connection import Connection
from framework.membership.group import Group, Joined
from framework.standby.shadow import Shadow
from tests.support.tables_app import PARTITIONS, new_app


class Told:
    """What a member tells, for a test to look at."""

    def __init__(self) -> None:
        self.failures: list[MembershipError] = []
        self.joined: list[Joined] = []

    def on_membership_failure(self, error: MembershipError) -> None:
        self.failures.append(error)

    def on_member_id(self, member_id: str) -> None: ...

    def on_joined(self, joined: Joined) -> None:
        self.joined.append(joined)

    def on_confirmed(self, sent_at: float) -> None: ...

    def may_emit(self) -> bool:
        return True

    def has_progressed(self) -> bool:
        return True


class Standby:
    """A shadow, its app and what it was told.

    Args:
        crowd: whose broker and group.
        name: its seat in the standby group.
        incarnation: tells processes in one seat apart.
        settings: of its app.
    """

    def __init__(self, crowd: "Shadows", name: str, incarnation: str, **settings: Any) -> None:
        given = {"bootstrap_servers": crowd.bootstrap_servers, "instance_id": name, "datadir": crowd.folder / name}
        self.app = new_app(
            crowd.group_id, f"{crowd.group_id}-in", Settings.load(environ={}, env_file=None, **{**given, **settings})
        )
        self.app.bind()
        self.told = Told()
        self.shadow = Shadow(
            self.app,
            group_id=crowd.standby_group,
            group_instance_id=name,
            client_id=f"{name}@{incarnation}",
            listener=self.told,
        )

    def table(self, name: str) -> Any:
        return self.app.tables[name]

    def changelog(self, table: str) -> str:
        return str(self.table(table).changelog_topic.get_topic_name())

    def end(self) -> None:
        """Close the databases, as the end of its process would."""
        for table in self.app.tables.values():
            getattr(table.data, "_dbs", getattr(getattr(table.data, "storage", None), "_dbs", {})).clear()

    def everything(self) -> dict[str, tuple[int, ...]]:
        """All partitions of all tables."""
        return {topic: tuple(range(PARTITIONS)) for topic in self.shadow.changelogs}


class Shadows:
    """The standby group of one test."""

    def __init__(self, bootstrap_servers: str, group_id: str, folder: Path) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.group_id = group_id
        self.standby_group = f"{group_id}-standby"
        self.folder = folder
        self._started: list[Standby] = []

    def run(self, scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a test's coroutine, and stop what it has started."""

        async def whole() -> None:
            try:
                await scenario()
            finally:
                await asyncio.gather(*(standby.shadow.stop(leave=True) for standby in self._started))

        asyncio.run(whole())

    async def start(
        self, name: str = "s-0", *, follow: Mapping[str, Iterable[int]] | None = None, incarnation: str = "1", **kw: Any
    ) -> Standby:
        """Start a shadow.

        Args:
            name: its seat.
            follow: what to shadow; default: everything.
            incarnation: which process in that seat.
            kw: settings of its app.
        """
        standby = Standby(self, name, incarnation, **kw)
        self._started.append(standby)
        await standby.shadow.start()
        await standby.shadow.follow(standby.everything() if follow is None else follow)
        return standby

    async def group(self) -> Group:
        """The standby group."""
        connection = Connection((self.bootstrap_servers,), {"security_protocol": "PLAINTEXT"}, "test")
        async with GroupAdmin(connection) as admin:
            return await admin.describe(self.standby_group)

    def write(self, topic: str, records: Iterable[tuple[Any, Any]], partition: int = 0, raw: bool = False) -> None:
        """Write records as JSON; a value None is a tombstone."""
        dumps = (lambda each: each) if raw else (lambda each: None if each is None else json.dumps(each).encode())
        producer = KafkaProducer(bootstrap_servers=self.bootstrap_servers, linger_ms=20)
        try:
            for key, value in records:
                producer.send(topic, key=dumps(key), value=dumps(value), partition=partition)
            producer.flush()
        finally:
            producer.close()


async def until(check: Callable[[], Any] | Callable[[], Awaitable[Any]], within: float = 15.0) -> Any:
    """Call `check` until it returns something true, without blocking the loop."""
    end = asyncio.get_running_loop().time() + within
    while True:
        found = check()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        assert asyncio.get_running_loop().time() < end, f"not within {within} s; it returned {found!r}"
        await asyncio.sleep(0.02)
