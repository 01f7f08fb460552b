"""What a standby tells of how well it shadows, and whom; decides about no seat, and only asks for its own."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from framework.errors import RosterUnavailableError
from framework.lifecycle.link import Shadows
from framework.lifecycle.lookout import Lookout
from framework.lifecycle.standby_presence import StandbyPresence
from framework.lifecycle.standby_view import assess
from framework.membership.roster import CONTROL, Order, OrderKind, Shadowing, topic_name
from framework.membership.roster_records import encode_order
from framework.membership.roster_topic import write_record
from framework.states import ShadowState

if TYPE_CHECKING:
    from framework.app import App
    from framework.standby.shadow import Shadow

log = structlog.get_logger(__name__)

LAGS_EVERY = 0.5
"""Seconds between two reports in which only lags are new: while records come, those change all the time."""

TELL_OWNERS_EVERY = 30.0
"""Seconds after which the owners of the shadowed seats are told again."""

FAILBACK_EVERY = 30.0
"""Seconds between two requests to have the seat handed back."""

WARM_FOR = 2.0
"""Seconds that a shadow has been warm before it asks for its seat."""


class StandbyTelling:
    """What supervisor, roster and log are told, the owners of the shadowed seats, and whoever has this worker's own.

    Args:
        app: bound to its identity in the standby group.
        shadow: keeps the tables.
        lookout: what is seen of the group.
        presence: writes the roster.
        on_report: told what is shadowed, and how well.
    """

    def __init__(
        self,
        app: "App",
        shadow: "Shadow",
        lookout: Lookout,
        presence: StandbyPresence,
        on_report: Callable[[Shadows], None],
    ) -> None:
        self._app = app
        self._shadow, self._lookout, self._presence = shadow, lookout, presence
        self._on_report = on_report
        self._said = Shadowing(app.standby_group, ShadowState.STARTING)
        self._said_at = float("-inf")
        self._watched: tuple[str, ...] = ()
        self._told_in: object = None
        self._told_at = float("-inf")
        self._warm_since: float | None = None
        self._asked_back_at = float("-inf")

    @property
    def state(self) -> ShadowState:
        """As it was told last."""
        return self._said.state

    def report(self) -> None:
        """Find out how well the seats are shadowed, and tell what has changed."""
        self._tell_owners()
        facts, now = self._lookout.facts(), time.monotonic()
        state, problem = assess(facts)
        if state is not ShadowState.WARM:
            self._warm_since = None
        elif self._warm_since is None:
            self._warm_since = now
        before = self._said
        said = Shadowing(before.group_id, state, problem, self._lookout.policy.failover_after, facts.lags)
        # A shadow that catches up names its lags in its problem.
        is_news = state is not before.state or (problem != before.problem and state is not ShadowState.WARMING)
        if is_news:
            tell = log.info if state is ShadowState.WARM else log.warning
            tell("standby.state", state=state.value, problem=problem or None, seats=list(self._watched))
        is_due = is_news or facts.lags.keys() != before.lags.keys() or now - self._said_at >= LAGS_EVERY
        if said != before and is_due:
            self._said, self._said_at = said, now
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

    async def ask_back(self) -> None:
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
        order = Order(home, OrderKind.HANDOVER, owner.entry.client_id, self._app.client_id)
        with suppress(RosterUnavailableError):
            await write_record(self._app.connection, topic_name(self._app.id), CONTROL, *encode_order(order))
