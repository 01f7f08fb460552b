"""Members of a group that behave like workers towards group and roster, and do no work; made and ended by a test."""

import asyncio
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer

from framework.identity import Incarnation
from framework.membership.admin import GroupAdmin
from framework.membership.group import Group
from framework.membership.offsets import Lag, Partition
from framework.membership.roster import Entry, Wanted
from framework.membership.roster_keeper import RosterKeeper
from framework.states import SeatState
from framework.testing import eventually
from tests.support.roster import connection

INTERVAL = 0.5
"""Seconds between two entries at most. Who is silent for three times that is taken for dead: not too short for a busy
machine."""

SESSION_MS = 30_000
"""So long that only a removal can free a dead member's seat within a test."""


@dataclass(slots=True)
class Mate:
    """One member: its connection to the group, and its voice in the roster, if it has one."""

    consumer: AIOKafkaConsumer
    keeper: RosterKeeper | None = None


class Crew:
    """A group over one topic; a context manager that ends everybody.

    Args:
        bootstrap_servers: the broker.
        group_id: the group.
        topic: what they all subscribe to.
    """

    def __init__(self, bootstrap_servers: str, group_id: str, topic: str) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.group_id = group_id
        self.topic = topic
        self._connection = connection(bootstrap_servers)
        self._mates: dict[str, Mate] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="crew")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for seat in list(self._mates):
            self.kill(seat)
        self._do(self._drain())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # --- what a test does ---------------------------------------------------------------------------------------------

    def join(self, *seats: str, speaks: bool = True, listens: bool = True) -> None:
        """Let members sit down, and wait until all of them work.

        Args:
            seats: their instance ids; one that begins with `guest` is a member without a seat.
            speaks: whether they write into the roster.
            listens: whether they leave when the roster says so.
        """
        for seat in seats:
            self._mates[seat] = self._do(self._join(seat))
        self.settled()
        for seat in seats:
            if speaks and not seat.startswith("guest"):
                self._speak(seat, listens)

    def kill(self, seat: str) -> None:
        """End a member without a word: its seat stays in the group, its entry in the roster."""
        mate = self._mates.pop(seat)
        if mate.keeper is not None:
            mate.keeper.close()
        self._do(mate.consumer.stop())

    def settled(self) -> Group:
        """Wait until the group is Stable with everybody in it, and everybody has said so."""

        def check() -> Group | None:
            group = self.group()
            is_complete = len(group.members) >= len(self._mates) and all(m.assignment for m in group.members)
            return group if group.is_stable and is_complete else None

        return eventually(check, within=20.0)

    def group(self) -> Group:
        """The group now."""
        return self._ask(lambda admin: admin.describe(self.group_id))

    def lag(self) -> dict[Partition, Lag]:
        """How far it is behind."""
        return dict(self._ask(lambda admin: admin.lag(self.group_id, [self.topic])))

    def remove(self, seat: str) -> None:
        """Take a seat out."""
        self._ask(lambda admin: admin.remove(self.group_id, seat))

    def partition_counts(self, *topics: str) -> dict[str, int]:
        """How many partitions topics have."""
        return dict(self._ask(lambda admin: admin.partition_counts(topics)))

    # --- how it is done -----------------------------------------------------------------------------------------------

    async def _join(self, seat: str) -> Mate:
        consumer = AIOKafkaConsumer(
            self.topic,
            bootstrap_servers=self.bootstrap_servers,
            group_id=self.group_id,
            group_instance_id=None if seat.startswith("guest") else seat,
            client_id=seat if seat.startswith("guest") else client_id(seat),
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=200,
            metadata_max_age_ms=5_000,
            enable_auto_commit=False,
        )
        await consumer.start()
        return Mate(consumer)

    def _speak(self, seat: str, listens: bool) -> None:
        mate = self._mates[seat]

        def on_wanted(wanted: Wanted, is_new: bool) -> None:
            if listens and is_new and seat in wanted.surplus:
                self._loop.call_soon_threadsafe(lambda: self._loop.create_task(self._leave(seat)))

        keeper = RosterKeeper(
            self._connection,
            self._entry(seat),
            group_id=self.group_id,
            replication_factor=1,
            on_wanted=on_wanted,
            heartbeat=lambda: 0.0,
        )
        mate.keeper = keeper
        keeper.start()
        asyncio.run_coroutine_threadsafe(self._follow(seat), self._loop)

    async def _follow(self, seat: str) -> None:
        """Tell the roster of each generation, as a worker does when it has joined."""
        while (mate := self._mates.get(seat)) is not None and mate.keeper is not None:
            coordinator: Any = mate.consumer._coordinator
            mate.keeper.tell(generation_id=coordinator.generation, member_id=coordinator.member_id)
            await asyncio.sleep(0.05)

    async def _drain(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait_for(asyncio.gather(*others, return_exceptions=True), 10.0)

    async def _leave(self, seat: str) -> None:
        mate = self._mates.pop(seat, None)
        if mate is None or mate.keeper is None:
            return
        mate.keeper.tell(state=SeatState.STOPPING)
        await asyncio.sleep(0.5)
        await mate.consumer.stop()
        async with GroupAdmin(self._connection) as admin:
            await admin.remove(self.group_id, seat)
        await asyncio.to_thread(mate.keeper.close, state=SeatState.LEFT)

    def _entry(self, seat: str) -> Entry:
        return Entry(
            group_instance_id=seat,
            client_id=client_id(seat),
            incarnation=Incarnation("box", 4711, 1_700_000_000_000, "0000000a"),
            state=SeatState.RUNNING,
            since_ms=time.time_ns() // 1_000_000,
            service="w",
            ordinal=int(seat.rpartition("-")[2]),
            interval=INTERVAL,
        )

    def _ask(self, question: Any) -> Any:
        async def ask() -> Any:
            async with GroupAdmin(self._connection) as admin:
                return await question(admin)

        return self._do(ask())

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        done: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return done.result(30.0)


def client_id(seat: str) -> str:
    """As a worker in this seat calls itself."""
    return f"{seat}@box#1700000000000-0000000a"
