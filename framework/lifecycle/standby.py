"""The life of a worker in the standby group: shadows seats, watches over them, and says when it sits down in one."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from framework.errors import FrameworkError, MembershipError, RosterUnavailableError
from framework.lifecycle.link import Shadows
from framework.lifecycle.lookout import Lookout
from framework.lifecycle.standby_presence import StandbyPresence
from framework.lifecycle.standby_telling import StandbyTelling
from framework.membership.group import Joined
from framework.membership.roster import Takeover
from framework.membership.roster_view import Seen
from framework.standby.rule import Decision, DecisionKind
from framework.standby.shadow import Shadow
from framework.states import ShadowState, StopReason

if TYPE_CHECKING:
    from framework.app import App

log = structlog.get_logger(__name__)

TICK = 0.05
"""Seconds between two looks at the roster, at most."""

LOOK_EVERY = 1.0
"""Seconds between two looks at the groups."""

REPORT_EVERY = 0.5
"""Seconds between two reports while there is no roster to read yet."""

CATCH_UP_WITHIN = 0.3
"""Seconds to apply the last changes before the app starts; what is left then is read by its own recovery."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """A decision to sit down.

    Attributes:
        seat: where.
        takeover: how it came about.
        decided_at: monotonic seconds.
        owner: what was last heard of the one before.
        heard: what was last heard of everybody who was in the seat not long ago.
    """

    seat: str
    takeover: Takeover
    decided_at: float
    owner: Seen
    heard: tuple[Seen, ...] = ()


class _Listener:
    """The app's hooks and the roster, as the member wants to have them."""

    def __init__(self, app: "App", presence: StandbyPresence) -> None:
        self.is_over = False
        """Whether the process sits down in a seat: what becomes of this member then is no word about that seat."""
        self._app, self._presence = app, presence

    def on_membership_failure(self, error: MembershipError) -> None:
        if not self.is_over:
            self._app.on_membership_failure(error)

    def on_member_id(self, member_id: str) -> None:
        if not self.is_over:
            self._app.on_member_id(member_id)
            self._presence.on_member_id(member_id)

    def on_joined(self, joined: Joined) -> None:
        if not self.is_over:
            self._app.on_joined(joined)

    def on_confirmed(self, sent_at: float) -> None:
        """A shadow emits nothing, so it needs no lease."""

    def may_emit(self) -> bool:
        return True

    def has_progressed(self) -> bool:
        return True


class Standby:
    """One worker of the standby group, from joining it to sitting down in a seat or to its stop.

    Args:
        app: bound to its identity in the standby group; its hooks are told what becomes of its member there.
        on_report: told what is shadowed, and how well.
    """

    def __init__(self, app: "App", on_report: Callable[[Shadows], None]) -> None:
        assert app.identity is not None, "not bound"
        self._app = app
        self._presence = StandbyPresence(app)
        self._listener = _Listener(app, self._presence)
        self._shadow = Shadow(
            app,
            group_id=app.standby_group,
            group_instance_id=app.standby_id,
            client_id=app.client_id,
            listener=self._listener,
        )
        self._lookout = Lookout(app, self._shadow, self._presence.interval)
        self._telling = StandbyTelling(app, self._shadow, self._lookout, self._presence, on_report)
        self._tasks: set[asyncio.Future[Any]] = set()

    # --- the way through ----------------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> Promotion | None:
        """Shadow until a seat is to be taken; None: `stop` was set, or this worker's own seat can be had by joining.

        Raises:
            Exception: the shadow has failed, and another process has to begin anew.
        """
        self._presence.start()
        await self._lookout.start()
        # Before the member subscribes to it: the broker might make the topic then, as it makes any other.
        reading = asyncio.ensure_future(self._lookout.read_roster())
        stopped = asyncio.ensure_future(stop.wait())
        self._tasks = {reading, stopped}
        while not reading.done() and not stop.is_set():
            self._telling.report()
            await asyncio.wait({reading, stopped}, timeout=REPORT_EVERY, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            return None
        reading.result()
        await self._shadow.start()
        self._tasks.add(asyncio.ensure_future(self._look()))
        while not (stop.is_set() or self._can_go_home()):
            if self._shadow.failure is not None:
                raise self._shadow.failure
            self._lookout.listen()
            if (promotion := await self._promotion()) is not None:
                return promotion
            self._telling.report()
            await self._telling.ask_back()
            await self._lookout.news(TICK)
        return None

    async def sit_down(self, promotion: Promotion) -> None:
        """Apply the last changes and stop shadowing; the tables are the app's from here on."""
        self._listener.is_over = True
        await self._shadow.catch_up(CATCH_UP_WITHIN)
        await self._shadow.let_go(keep=self._lookout.wishes_for(promotion.seat))
        self._presence.promoted(promotion.seat)

    async def confirm(self, promotion: Promotion) -> None:
        """Make sure that nobody else can emit for the seat any more; to be called when the broker has let this one in.

        From that moment the broker fences whoever was in it, at the next heartbeat. Who has written since the decision
        was not dead, and may have had a heartbeat answered just before; it is given the time to meet the fence. What
        was read tells that, and not when: an entry may have been on its way while it was decided.
        """
        owner = promotion.owner
        try:
            await self._lookout.read_to_end()
        except (RosterUnavailableError, TimeoutError) as exc:
            log.warning("standby.unconfirmed", seat=promotion.seat, error=str(exc))
            return await asyncio.sleep(owner.entry.lease or owner.entry.stale_after)
        for seen in self._lookout.view.all_live(promotion.seat, time.monotonic()):
            if seen not in promotion.heard and seen.entry.incarnation != self._app.incarnation:
                log.warning("standby.owner_was_alive", seat=promotion.seat, owner=seen.entry.client_id)
                return await asyncio.sleep(seen.entry.lease or seen.entry.stale_after)
        return None

    async def settled(self, promotion: Promotion) -> None:
        """Leave the standby group: this process is in its seat."""
        await self._lookout.withdraw(promotion.seat)
        await self.close(leave=True)

    async def close(self, *, leave: bool) -> bool:
        """End: leave the standby group or keep the seat in it; about three seconds at most.

        Returns:
            Whether the broker has confirmed that it left.
        """
        for task in self._tasks:
            task.cancel()
        if leave:
            await self._presence.unwatch()
        await self._shadow.stop(leave=leave)
        member = self._shadow.member
        has_left = member is not None and bool(member.has_left)
        # One that has sat down in a seat has said before that it is no shadow any more.
        await asyncio.to_thread(self._presence.close, has_left=has_left or self._listener.is_over)
        await self._lookout.close()
        return has_left

    async def _look(self) -> None:
        while True:
            try:
                await self._lookout.look()
            except FrameworkError as exc:
                log.debug("standby.not_looked", error=str(exc))
            except Exception as exc:
                log.error("standby.look_failed", error=repr(exc), exc_info=exc)
            await asyncio.sleep(LOOK_EVERY)

    # --- deciding -----------------------------------------------------------------------------------------------------

    async def _promotion(self) -> Promotion | None:
        if self._telling.state in (ShadowState.DIFFERENT, ShadowState.STARTING):
            return None
        lookout = self._lookout
        for seat in lookout.seats:
            if lookout.decide(seat, lookout.primary).kind is not DecisionKind.TAKE:
                continue
            if (promotion := await self._claim(seat)) is not None:
                return promotion
        return None

    async def _claim(self, seat: str) -> Promotion | None:
        """Say that this process sits down, and decide once more from all that others have said before."""
        lookout = self._lookout
        is_handover = lookout.decide(seat, lookout.primary).is_handover
        try:
            # Nobody else may have a seat that was handed over to this process.
            claiming = asyncio.sleep(0) if is_handover else lookout.claim(seat)
            group, _ = await asyncio.gather(lookout.look_closely(), claiming)
        except (RosterUnavailableError, TimeoutError) as exc:
            log.warning("standby.not_claimed", seat=seat, error=str(exc))
            return None
        lookout.listen()
        decision = lookout.decide(seat, group)
        if decision.kind is DecisionKind.TAKE and not lookout.differences(group):
            return self._promote(seat, decision)
        log.info("standby.steps_back", seat=seat, why=decision.why)
        await lookout.withdraw(seat)
        return None

    def _can_go_home(self) -> bool:
        """Whether this worker's own seat is nobody's any more, so that it has only to join."""
        home = self._app.home
        return home is not None and self._lookout.is_lost(home)

    def _promote(self, seat: str, decision: Decision) -> Promotion:
        owner = self._lookout.owner(seat)
        kind = "handover" if decision.is_handover else "takeover"
        if owner.entry.reason == StopReason.DRILL:
            kind = "drill"
        log.warning("standby.takes_over", seat=seat, kind=kind, why=decision.why)
        takeover = Takeover(kind, owner.entry.client_id, round(decision.silent_for, 3))
        heard = tuple(self._lookout.view.all_live(seat, time.monotonic()))
        return Promotion(seat, takeover, time.monotonic(), owner, heard)
