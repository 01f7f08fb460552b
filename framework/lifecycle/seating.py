"""How a worker process comes into a seat: at once, after waiting for it, or as the shadow that takes it over."""

import asyncio
import os
import time
from typing import TYPE_CHECKING

import structlog

from framework import logs
from framework.exit_codes import ExitCode
from framework.identity import home_shadow_id
from framework.lifecycle.ending import EndingProcess
from framework.lifecycle.leave_policy import should_leave
from framework.lifecycle.link import Admitted, Bound, Go, Left, Link, Promoted, Waiting, WorkerSpec
from framework.lifecycle.status import Fence
from framework.membership.group import Joined
from framework.membership.roster import Takeover
from framework.states import StopReason, WorkerState

if TYPE_CHECKING:
    from framework.app import App
    from framework.lifecycle.presence import Presence
    from framework.lifecycle.standby import Promotion, Standby

log = structlog.get_logger(__name__)


SETTLE = 2.0
"""Seconds that a spare is in its seat before it leaves the standby group."""


class SeatingProcess(EndingProcess):
    """A process that finds its place before its app starts."""

    def __init__(self, spec: WorkerSpec, link: Link) -> None:
        super().__init__(spec, link)
        self._presence: Presence | None = None
        self._promotion: Promotion | None = None
        self._admitted = asyncio.Event()
        """Set when the broker has let this process into a group."""
        self._beside: set[asyncio.Task[None]] = set()

    def on_member_id(self, member_id: str) -> None:
        """The broker has let this worker in; called in the consumer's thread."""
        self.link.say(Admitted(member_id))
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._admitted.set)
        if self._presence is not None:
            self._presence.on_member_id(member_id)

    def on_joined(self, joined: Joined) -> None:
        """The group has a new assignment; called in the consumer's thread."""
        self.link.say(joined)
        if self._presence is not None:
            self._presence.on_joined(joined)

    def on_waiting(self, fence: Fence) -> None:
        """Another process holds the seat; called after each look."""
        if self.state is not WorkerState.WAITING:
            self.move(WorkerState.WAITING)
        self.link.say(Waiting(fence))

    def _introduce(self, app: "App") -> None:
        """Tell supervisor and log who this process is, from now on."""
        identity = app.identity
        assert identity is not None, "bound just now"
        assert app.incarnation is not None, "bound just now"
        logs.configure(
            app.settings.log_level,
            app.settings.log_format,
            group_id=identity.group_id,
            group_instance_id=identity.group_instance_id,
            pid=os.getpid(),
        )
        self.link.say(
            Bound(identity.group_id, identity.group_instance_id, app.client_id, identity.source, app.incarnation)
        )

    @property
    def _stop_reason(self) -> StopReason:
        return self._stopping.reason if self._stopping is not None else StopReason.INTERRUPT

    @property
    def _takeover(self) -> Takeover | None:
        return self._promotion.takeover if self._promotion is not None else None

    async def _sit_down(self, app: "App") -> bool:
        """Wait or shadow until this process is the one for a seat of the primary group; False: it is to stop."""
        from framework.lifecycle.seat import await_seat

        go = self._go
        if go.seat is not None:
            app.promote(go.seat)
            self._promoted(app, go.seat)
            await app.on_promoted.send(seat=go.seat, kind="restart")
        if app.role == "standby" and go.seat is None:
            await await_seat(app, go, self.on_waiting)
        elif not go.has_yielded and await await_seat(app, go, self.on_waiting):
            return True
        else:
            app.shadow(home_shadow_id(app.home) if app.home is not None else app.standby_id)
            self._introduce(app)
            await await_seat(app, Go(lineage=go.lineage, members=go.members), self.on_waiting)
        return await self._shadow(app)

    async def _shadow(self, app: "App") -> bool:
        """Be a worker of the standby group until it is time to sit down in a seat; False: it is to stop."""
        from framework.lifecycle.standby import Standby

        assert self._stop_asked is not None, "set when the process began to live"
        standby = Standby(app, self.link.say)
        self.move(WorkerState.SHADOWING)
        promotion = await standby.run(self._stop_asked)
        if promotion is None:
            # A worker whose own seat can be had by joining ends as well: the next process joins.
            await self._stop_shadowing(standby)
            return False
        await standby.sit_down(promotion)
        self._promotion = promotion
        app.promote(promotion.seat)
        self._promoted(app, promotion.seat)
        app.lease.withhold()
        self._admitted.clear()
        settling = asyncio.ensure_future(self._settle(app, standby, promotion))
        settling.add_done_callback(self._on_settled)
        self._beside.add(settling)
        await app.on_promoted.send(seat=promotion.seat, kind=promotion.takeover.kind)
        return True

    def _promoted(self, app: "App", seat: str) -> None:
        self._introduce(app)
        if seat != app.home:
            self.link.say(Promoted(seat))

    async def _settle(self, app: "App", standby: "Standby", promotion: "Promotion") -> None:
        """Emit nothing before it is sure that the one before cannot emit any more; then leave the standby group."""
        await self._admitted.wait()
        await standby.confirm(promotion)
        app.lease.release(time.monotonic())
        # The others of the standby group rejoin when this one leaves, and it has a backlog to work off first.
        await asyncio.sleep(SETTLE)
        await standby.settled(promotion)

    def _on_settled(self, settling: "asyncio.Task[None]") -> None:
        """A process that does not know whether it may emit never will; the next one finds out anew."""
        if not settling.cancelled() and (exc := settling.exception()) is not None:
            self.fail(ExitCode.CRASHED, f"The takeover failed: {exc!r}. The traceback is in the log above.", exc)

    async def _stop_shadowing(self, standby: "Standby") -> None:
        reason = self._stop_reason
        assert self._app is not None, "bound"
        decision = should_leave(self._app.settings.leave_policy, reason, ordinal=None, wanted=None, is_surplus=False)
        log.info("worker.leaving" if decision.leave else "worker.staying", why=decision.why)
        self.move(WorkerState.STOPPING)
        if await standby.close(leave=decision.leave):
            self.link.say(Left())
