"""A worker's presence in the roster while it sits in its seat, and whether it gives the seat up when it stops."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from framework.identity import boot_id, home_shadow_id
from framework.lifecycle.leave_policy import Decision, should_leave
from framework.lifecycle.replicas import wanted_replicas
from framework.membership.group import Joined
from framework.membership.roster import Entry, Order, Takeover, Wanted
from framework.membership.roster_keeper import RosterKeeper
from framework.membership.roster_view import RosterView
from framework.settings import environment
from framework.states import SeatState, StopReason

if TYPE_CHECKING:
    from framework.app import App

log = structlog.get_logger(__name__)


ENTRIES_A_LEASE = 4
"""Entries that are written within the time of a lease, so that it does not depend on one of them."""

LEASE_HEARTBEATS = 3
"""Heartbeats that a lease lasts at least: one may get lost."""


class Presence:
    """What this worker says of itself in the roster, and what it reads there: how many there are to be, who shadows it.

    A dynamic member has no seat and says nothing.

    Args:
        app: bound to its identity.
        on_surplus: called, in the roster's thread, when an operator wants this seat to be left now.
        on_order: the same, when this process is to let a shadow have the seat.
        takeover: how it came into the seat; None into its own.
    """

    def __init__(
        self,
        app: "App",
        on_surplus: Callable[[], None],
        on_order: Callable[[Order], None] = lambda _order: None,
        takeover: Takeover | None = None,
    ) -> None:
        assert app.identity is not None, "not bound"
        assert app.incarnation is not None, "not bound"
        self._app = app
        self._identity = app.identity
        # A spare's number is that of its own service, not of its seat.
        self._ordinal = app.identity.ordinal if app.identity.group_instance_id == app.home else None
        self._on_surplus = on_surplus
        self._on_order = on_order
        self._takeover = takeover
        self._obeyed: Order | None = None
        self._lease = self._told_at = 0.0
        self._wanted: Wanted | None = None
        self._keeper: RosterKeeper | None = None
        if app.identity.group_instance_id is not None:
            entry = Entry(
                group_instance_id=app.identity.group_instance_id,
                client_id=app.client_id,
                incarnation=app.incarnation,
                state=SeatState.STARTING,
                since_ms=time.time_ns() // 1_000_000,
                service=app.identity.service,
                ordinal=self._ordinal,
                interval=app.settings.roster_interval,
                boot_id=boot_id(),
                standby_id=app.standby_id,
                takeover=takeover,
            )
            self._keeper = RosterKeeper(
                app.connection,
                entry,
                group_id=app.identity.group_id,
                replication_factor=app.settings.topic_replication_factor,
                on_wanted=self._on_wanted,
                heartbeat=app.heartbeat_age,
                on_control=self._on_control,
                on_written=self._on_written,
            )

    def start(self) -> None:
        """Sit down: written now and each interval from here on."""
        if self._keeper is not None:
            self._keeper.start()

    def on_member_id(self, member_id: str) -> None:
        """Write what the broker calls this worker, by which others recognise it; safe to call from any thread."""
        if self._keeper is not None:
            self._keeper.tell(member_id=member_id)

    def on_joined(self, joined: Joined) -> None:
        """Write what the group has assigned; safe to call from any thread."""
        if self._keeper is not None:
            self._keeper.tell(
                member_id=joined.member_id, generation_id=joined.generation_id, assignment=joined.assignment
            )

    def running(self, took: float | None = None) -> None:
        """Write that it processes, and how many seconds it took since it was decided to sit down here."""
        if self._keeper is None:
            return
        if self._takeover is not None:
            self._takeover = replace(self._takeover, took=took)
        self._keeper.tell(state=SeatState.RUNNING, takeover=self._takeover)

    def stopping(self, reason: StopReason) -> None:
        """Write that it takes no new work."""
        if self._keeper is not None:
            self._keeper.tell(state=SeatState.STOPPING, reason=reason.value)

    def stopped(self, reason: StopReason, *, has_left: bool) -> None:
        """Write how it ended and go; waits a second at most for the broker to have it.

        A worker that is being replaced does not say that it has gone: whoever waits for the seat would take it from its
        successor.
        """
        if self._keeper is None:
            return
        if has_left:
            self._keeper.close(state=SeatState.LEFT)
        elif reason is StopReason.RESTART:
            self._keeper.close()
        elif reason is StopReason.HANDOVER and self._obeyed is not None:
            self._keeper.close(state=SeatState.STOPPED, successor=self._obeyed.successor)
        else:
            self._keeper.close(state=SeatState.STOPPED)

    def drilled(self, uncommitted: int) -> None:
        """Write the last entry before this process dies in a drill, which looks like any other of a live worker.

        Args:
            uncommitted: records that are finished and will be done again.
        """
        if self._keeper is not None:
            self._keeper.close(reason=StopReason.DRILL.value, uncommitted=uncommitted)

    async def decide_to_leave(self, reason: StopReason) -> Decision:
        """Whether to give the seat up with this stop; asks Kubernetes where that matters, for a second at most."""
        count = self._wanted_count()
        policy, ordinal = self._app.settings.leave_policy, self._ordinal
        if policy == "auto" and reason is StopReason.INTERRUPT and ordinal is not None:
            replicas = await wanted_replicas(environment())
            count = replicas if replicas is not None else count
        return should_leave(policy, reason, ordinal=ordinal, wanted=count, is_surplus=self._is_surplus())

    def _wanted_count(self) -> int | None:
        """How many workers an operator wants; None where this worker's number cannot be compared with it.

        Several workers of one supervisor share its number, while `framework scale` counts seats.
        """
        return self._wanted.count if self._wanted is not None and self._app.slots == 1 else None

    def _is_surplus(self) -> bool:
        return self._wanted is not None and self._identity.group_instance_id in self._wanted.surplus

    def _on_control(self, view: RosterView) -> None:
        seat = self._identity.group_instance_id
        assert seat is not None, "a dynamic member has no keeper"
        # What this worker itself has said of the seat, while it shadowed it, does not count.
        own_id = home_shadow_id(seat) if seat == self._app.home else self._app.standby_id
        self._agree_to_lease(view.failover_after(seat, but=own_id))
        found = view.order_for(seat)
        if found is not None and found[0].owner == self._app.client_id and self._obeyed is None:
            self._obeyed, _ = found
            log.info("worker.ordered", kind=self._obeyed.kind.value, successor=self._obeyed.successor)
            self._on_order(self._obeyed)

    def _agree_to_lease(self, failover_after: float | None) -> None:
        """Stop emitting without a sign of life from now on, since a shadow would sit down; and tell it so.

        The lease is not shorter than heartbeats allow; the shadow waits for as long as the entry says.
        """
        assert self._keeper is not None
        app, before = self._app, self._lease
        least = LEASE_HEARTBEATS * app.heartbeat_interval
        self._lease = 0.0 if failover_after is None else max(failover_after, least)
        if self._lease == before:
            return
        interval = app.settings.roster_interval
        if self._lease:
            interval = min(interval, self._lease / ENTRIES_A_LEASE)
        log.info("worker.shadowed" if self._lease else "worker.not_shadowed", lease=self._lease)
        now = time.monotonic()
        if not before:
            # The promise is kept before it is given, and given up before it is broken.
            app.lease.set_duration(self._lease, now)
        self._told_at = now
        self._keeper.tell(lease=self._lease, interval=interval)
        if before and self._lease:
            app.lease.set_duration(self._lease, now)

    def _on_written(self, began_at: float) -> None:
        now = time.monotonic()
        self._app.lease.entry_confirmed(began_at, now)
        if not self._lease and self._app.lease.duration is not None and began_at >= self._told_at:
            # Only now do the shadows know.
            self._app.lease.set_duration(None, now)

    def _on_wanted(self, wanted: Wanted, is_new: bool) -> None:
        self._wanted = wanted
        ordinal, count = self._ordinal, self._wanted_count()
        if is_new and self._is_surplus():
            self._on_surplus()
        elif not is_new and ordinal is not None and count is not None and ordinal >= count:
            log.warning("worker.surplus", ordinal=ordinal, wanted=count)
