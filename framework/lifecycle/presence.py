"""A worker's presence in the roster while it sits in its seat, and whether it gives the seat up when it stops."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from framework.identity import boot_id
from framework.lifecycle.leave_policy import Decision, should_leave
from framework.lifecycle.replicas import wanted_replicas
from framework.membership.group import Joined
from framework.membership.roster import Entry, Wanted
from framework.membership.roster_keeper import RosterKeeper
from framework.settings import environment
from framework.states import SeatState, StopReason

if TYPE_CHECKING:
    from framework.app import App

log = structlog.get_logger(__name__)


class Presence:
    """What this worker says of itself in the roster, and what it reads there about how many there are to be.

    A dynamic member has no seat and says nothing.

    Args:
        app: bound to its identity.
        on_surplus: called, in the roster's thread, when an operator wants this seat to be left now.
    """

    def __init__(self, app: "App", on_surplus: Callable[[], None]) -> None:
        assert app.identity is not None, "not bound"
        assert app.incarnation is not None, "not bound"
        self._app = app
        self._identity = app.identity
        self._on_surplus = on_surplus
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
                ordinal=app.identity.ordinal,
                interval=app.settings.roster_interval,
                boot_id=boot_id(),
            )
            self._keeper = RosterKeeper(
                app.connection,
                entry,
                group_id=app.identity.group_id,
                replication_factor=app.settings.topic_replication_factor,
                on_wanted=self._on_wanted,
                heartbeat=app.heartbeat_age,
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

    def running(self) -> None:
        """Write that it processes."""
        if self._keeper is not None:
            self._keeper.tell(state=SeatState.RUNNING)

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
        else:
            self._keeper.close(state=SeatState.STOPPED)

    async def decide_to_leave(self, reason: StopReason) -> Decision:
        """Whether to give the seat up with this stop; asks Kubernetes where that matters, for a second at most."""
        count = self._wanted_count()
        policy, ordinal = self._app.settings.leave_policy, self._identity.ordinal
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

    def _on_wanted(self, wanted: Wanted, is_new: bool) -> None:
        self._wanted = wanted
        ordinal, count = self._identity.ordinal, self._wanted_count()
        if is_new and self._is_surplus():
            self._on_surplus()
        elif not is_new and ordinal is not None and count is not None and ordinal >= count:
            log.warning("worker.surplus", ordinal=ordinal, wanted=count)
