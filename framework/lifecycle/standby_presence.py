"""What a worker of the standby group says of itself in the roster; decides nothing."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from framework.errors import RosterUnavailableError
from framework.identity import boot_id
from framework.membership.connection import Connection
from framework.membership.roster import CONTROL, SITS_IN, Entry, Restarting, Shadowing, Watch, topic_name
from framework.membership.roster_keeper import RosterKeeper
from framework.membership.roster_records import WATCH_KEY, encode_restarting, encode_watch
from framework.membership.roster_topic import write_record
from framework.states import SeatState, ShadowState

if TYPE_CHECKING:
    from framework.app import App

log = structlog.get_logger(__name__)

ENTRIES_A_FAILOVER = 6
"""Entries within the time after which a seat is taken: they tell how well this process hears."""

RETRY_AFTER = 1.0


class StandbyPresence:
    """A standby's entry under its own id, and its word to the owners of the seats that it shadows.

    Args:
        app: bound to its identity in the standby group.
    """

    def __init__(self, app: "App") -> None:
        assert app.identity is not None, "not bound"
        assert app.incarnation is not None, "not bound"
        settings = app.settings
        self.interval = min(settings.roster_interval, settings.failover_after / ENTRIES_A_FAILOVER)
        """Seconds between entries."""
        self._app = app
        self._id = app.standby_id
        self._connection = app.connection
        self._topic = topic_name(app.id)
        self._failover_after = settings.failover_after
        self._telling: asyncio.Task[None] | None = None
        self._keeper = RosterKeeper(
            self._connection,
            Entry(
                group_instance_id=self._id,
                client_id=app.client_id,
                incarnation=app.incarnation,
                state=SeatState.STARTING,
                since_ms=time.time_ns() // 1_000_000,
                service=app.identity.service,
                ordinal=app.identity.ordinal,
                interval=self.interval,
                role="standby",
                boot_id=boot_id(),
                standby_id=self._id,
                shadowing=Shadowing(app.standby_group, ShadowState.STARTING, failover_after=self._failover_after),
            ),
            group_id=app.id,
            replication_factor=settings.topic_replication_factor,
            on_wanted=lambda _wanted, _is_new: None,
            heartbeat=lambda: None,
        )

    def start(self) -> None:
        """Write now and each interval from here on."""
        self._keeper.start()

    def tell(self, shadowing: Shadowing) -> None:
        """Write what is shadowed, and how well."""
        self._keeper.tell(state=SeatState.RUNNING, shadowing=shadowing)

    def on_member_id(self, member_id: str) -> None:
        """Write what the broker calls this member of the standby group; safe to call from any thread."""
        self._keeper.tell(member_id=member_id)

    def watch(self, seats: Iterable[str]) -> None:
        """Tell those in the seats that they are shadowed: they agree to a lease then. Tried until it is written."""
        key, value = encode_watch(Watch(self._id, frozenset(seats), self._failover_after))
        self._retell(key, value)

    def promoted(self, seat: str) -> None:
        """Write that this process is no shadow any more; returns at once."""
        self._keeper.tell(state=SeatState.LEFT, reason=f"{SITS_IN}{seat}", shadowing=None)

    async def unwatch(self) -> None:
        """Take the word to the owners back; a standby that comes back does not, and they go on keeping their leases."""
        if self._telling is not None:
            self._telling.cancel()
        with suppress(RosterUnavailableError):
            await write_record(self._connection, self._topic, CONTROL, f"{WATCH_KEY}{self._id}".encode(), None)

    def close(self, *, has_left: bool) -> None:
        """Write the last entry; waits a second at most for the broker to have it."""
        self._keeper.close(state=SeatState.LEFT if has_left else SeatState.STOPPED)

    def _retell(self, key: bytes, value: bytes) -> None:
        before, self._telling = self._telling, asyncio.ensure_future(self._write(key, value))
        if before is not None:
            before.cancel()

    async def _write(self, key: bytes, value: bytes) -> None:
        while True:
            try:
                return await write_record(self._connection, self._topic, CONTROL, key, value)
            except RosterUnavailableError as exc:
                log.warning("standby.watch_not_written", problem=str(exc))
                await asyncio.sleep(RETRY_AFTER)


async def tell_restarting(connection: Connection, group_id: str, seat: str, client_id: str) -> None:
    """Tell the shadows of a seat that its next process is there; where that fails they take it for dead sooner."""
    key, value = encode_restarting(Restarting(seat, client_id))
    try:
        await write_record(connection, topic_name(group_id), CONTROL, key, value)
    except RosterUnavailableError as exc:
        log.debug("worker.restarting_not_told", problem=str(exc))
