"""The life of a worker in the standby group: shadows seats, watches over them, and says when it sits down in one."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from framework.errors import FrameworkError, MembershipError, RosterUnavailableError
from framework.lifecycle.link import Shadows
from framework.lifecycle.lookout import Lookout
from framework.lifecycle.standby_presence import StandbyPresence
from framework.lifecycle.standby_view import assess
from framework.membership.group import Joined
from framework.membership.roster import CONTROL, Order, OrderKind, Shadowing, Takeover, topic_name
from framework.membership.roster_records import encode_order
from framework.membership.roster_topic import write_record
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

TELL_OWNERS_EVERY = 30.0
"""Seconds after which the owners of the shadowed seats are told again."""

CATCH_UP_WITHIN = 0.3
"""Seconds to apply the last changes before the app starts; what is left then is read by its own recovery."""

FAILBACK_EVERY = 30.0
"""Seconds between two requests to have the seat handed back."""

WARM_FOR = 2.0
"""Seconds that a shadow has been warm before it asks for its seat."""


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


class Hooks(Protocol):
    """Who is told what becomes of the member of the standby group."""

    def on_membership_failure(self, error: MembershipError) -> None:
        """The membership cannot go on."""

    def on_member_id(self, member_id: str) -> None:
        """The broker has let this member in."""

    def on_joined(self, joined: Joined) -> None:
        """The member has its assignment."""


class _Listener:
    """The hooks and the roster, as the member wants to have them."""

    def __init__(self, hooks: Hooks, presence: StandbyPresence) -> None:
        self.is_over = False
        """Whether the process sits down in a seat: what becomes of this member then is no word about that seat."""
        self._hooks, self._presence = hooks, presence

    def on_membership_failure(self, error: MembershipError) -> None:
        if not self.is_over:
            self._hooks.on_membership_failure(error)

    def on_member_id(self, member_id: str) -> None:
        if not self.is_over:
            self._hooks.on_member_id(member_id)
            self._presence.on_member_id(member_id)

    def on_joined(self, joined: Joined) -> None:
        if not self.is_over:
            self._hooks.on_joined(joined)

    def on_confirmed(self, sent_at: float) -> None:
        """A shadow emits nothing, so it needs no lease."""

    def may_emit(self) -> bool:
        return True

    def has_progressed(self) -> bool:
        return True


class Standby:
    """One worker of the standby group, from joining it to sitting down in a seat or to its stop.

    Args:
        app: bound to its identity in the standby group.
        hooks: told what becomes of the member of the standby group.
        on_report: told what is shadowed, and how well.
    """

    def __init__(self, app: "App", hooks: Hooks, on_report: Callable[[Shadows], None]) -> None:
        assert app.identity is not None, "not bound"
        self._app = app
        self._on_report = on_report
        self._client_id = app.client_id
        self._presence = StandbyPresence(app)
        self._listener = _Listener(hooks, self._presence)
        self._shadow = Shadow(
            app,
            group_id=app.standby_group,
            group_instance_id=app.standby_id,
            client_id=app.client_id,
            listener=self._listener,
        )
        self._lookout = Lookout(app, self._shadow, self._presence.interval)
        self._watched: tuple[str, ...] = ()
        self._told_in: object = None
        self._told_at = float("-inf")
        self._said = Shadowing(app.standby_group, ShadowState.STARTING)
        self._warm_since: float | None = None
        self._asked_back_at = float("-inf")
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
            self._report()
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
            self._report()
            await self._failback()
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

    async def close(self, *, leave: bool) -> None:
        """End: leave the standby group or keep the seat in it; about three seconds at most."""
        for task in self._tasks:
            task.cancel()
        if leave:
            await self._presence.unwatch()
        await self._shadow.stop(leave=leave)
        await asyncio.to_thread(self._presence.close, has_left=leave)
        await self._lookout.close()

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
        if self._said.state in (ShadowState.DIFFERENT, ShadowState.STARTING):
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
            group, _ = await asyncio.gather(lookout.look_closely(), _nothing() if is_handover else lookout.claim(seat))
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

    # --- telling ------------------------------------------------------------------------------------------------------

    def _report(self) -> None:
        self._tell_owners()
        facts = self._lookout.facts()
        state, problem = assess(facts)
        if state is not ShadowState.WARM:
            self._warm_since = None
        elif self._warm_since is None:
            self._warm_since = time.monotonic()
        said = Shadowing(self._said.group_id, state, problem, self._lookout.policy.failover_after, facts.lags)
        is_news = problem != self._said.problem and state is not ShadowState.WARMING
        if state is not self._said.state or is_news:
            tell = log.info if state is ShadowState.WARM else log.warning
            tell("standby.state", state=state.value, problem=problem or None, seats=list(self._watched))
        if said != self._said:
            self._said = said
            self._presence.tell(said)
            partitions = {f"{tp.topic}/{tp.partition}": lag for tp, lag in self._shadow.lags().items()}
            self._on_report(Shadows(said, partitions))

    def _tell_owners(self) -> None:
        """Tell those in the seats that they are shadowed; again and again, for the topic may be made anew."""
        seats, view, now = self._lookout.seats, self._lookout.view, time.monotonic()
        if seats != self._watched:
            log.info("standby.shadows", seats=list(seats))
        elif not seats or (view is self._told_in and now - self._told_at < TELL_OWNERS_EVERY):
            return
        self._watched, self._told_in, self._told_at = seats, view, now
        self._presence.watch(seats)

    async def _failback(self) -> None:
        """Ask whoever has this worker's own seat to hand it back, once this one is warm."""
        home, now = self._app.home, time.monotonic()
        if home is None or self._app.settings.failback != "when_warm" or self._warm_since is None:
            return
        owner = self._lookout.view.live(home, now)
        if owner is None or not owner.entry.lease or not owner.entry.standby_id:
            return
        if now - self._warm_since < WARM_FOR or now - self._asked_back_at < FAILBACK_EVERY:
            return
        self._asked_back_at = now
        log.info("standby.failback", seat=home, owner=owner.entry.client_id)
        order = Order(home, OrderKind.HANDOVER, owner.entry.client_id, self._client_id)
        with suppress(RosterUnavailableError):
            await write_record(self._app.connection, topic_name(self._app.id), CONTROL, *encode_order(order))


async def _nothing() -> None:
    return None
