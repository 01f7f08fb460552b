"""What a standby sees and hears of its group, and what follows for a seat; sits down nowhere, tells nobody."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog

from framework.errors import FrameworkError, RosterUnavailableError
from framework.lifecycle.earshot import Earshot
from framework.lifecycle.standby_view import Facts, Place, seats_to_shadow
from framework.membership.admin import GroupAdmin
from framework.membership.group import Group
from framework.membership.roster import CONTROL, Claim, topic_name
from framework.membership.roster_reader import RosterReader
from framework.membership.roster_records import claim_key, encode_claim
from framework.membership.roster_topic import RosterMissingError, ensure_topic, write_record
from framework.membership.roster_view import RosterView, Seen
from framework.standby.duty import differences, wishes
from framework.standby.rule import Decision, Policy, Sight, decide
from framework.states import SeatState

if TYPE_CHECKING:
    from framework.app import App
    from framework.standby.shadow import Shadow

log = structlog.get_logger(__name__)

POLL_WAIT = 0.1
"""Seconds that a broker may hold a poll of the roster: what was written meanwhile comes at once."""

PACE = 0.02
"""Seconds between polls that bring something: a handover waits for the word that the owner has stopped."""

ASK_WITHIN = 1.0
"""Seconds for the last look at the group before a seat is taken."""

TICK = 0.1
"""Seconds for a new topic to be seen by all brokers."""

RETRY_AFTER = 1.0
"""Seconds between two tries to read the roster."""


class Lookout:
    """The primary group, its roster, and what of both is this standby's duty.

    Args:
        app: bound to its identity in the standby group.
        shadow: keeps the tables.
        interval: seconds between this standby's own entries.
    """

    def __init__(self, app: "App", shadow: "Shadow", interval: float) -> None:
        settings, connection = app.settings, app.connection
        self.primary: Group | None = None
        """The primary group as described last."""
        self.seats: tuple[str, ...] = ()
        """What there is to shadow."""
        self.policy = Policy(
            settings.failover_after, settings.restart_budget, settings.standby_max_lag, settings.standby_behind
        )
        self._app = app
        self._connection = connection
        self._shadow = shadow
        self._id, self._client_id = app.standby_id, app.client_id
        self._place = Place(self._id, self._client_id, app.home, settings.shadows)
        self._admin = GroupAdmin(connection)
        self._reader = RosterReader(connection, app.id, poll_wait=POLL_WAIT, pace=PACE)
        self._earshot = Earshot(interval)
        self._doubt = ""
        self._wishes: Mapping[str, Mapping[str, tuple[int, ...]]] = {}

    async def start(self) -> None:
        """Connect; the roster is read as soon as there is one."""
        await self._admin.start()

    async def close(self) -> None:
        """Disconnect."""
        await self._reader.close()
        await self._admin.close()

    @property
    def view(self) -> RosterView:
        """The roster."""
        return self._reader.view

    # --- looking ------------------------------------------------------------------------------------------------------

    async def read_roster(self) -> None:
        """Begin to read the roster; before the first worker of the primary group there is none."""
        while True:
            try:
                return await self._reader.start()
            except RosterMissingError as exc:
                self._doubt = str(exc)
                with suppress(RosterUnavailableError):
                    await ensure_topic(self._connection, self._app.id, self._app.settings.topic_replication_factor)
                    await asyncio.sleep(TICK)
                    continue
            except RosterUnavailableError as exc:
                self._doubt = str(exc)
            await asyncio.sleep(RETRY_AFTER)

    async def look(self) -> None:
        """Look at the primary group, and have shadowed what there is to shadow now.

        Raises:
            FrameworkError: it cannot be described.
        """
        primary = await self._admin.describe(self._app.id)
        self.primary = primary
        self.seats = seats_to_shadow(self._place, primary, self._reader.view, time.monotonic())
        if primary.is_stable:
            # In between nobody has an assignment, and what was shadowed goes on being worth it.
            changelogs = self._shadow.changelogs
            self._wishes = {seat: wishes((seat,), primary, changelogs) for seat in self.seats}
            await self._shadow.follow(wishes(self.seats, primary, changelogs))

    async def look_closely(self) -> Group | None:
        """The primary group at this moment: what was described a second ago may be over."""
        try:
            async with asyncio.timeout(ASK_WITHIN):
                return await self._admin.describe(self._app.id)
        except (FrameworkError, TimeoutError) as exc:
            log.warning("standby.group_unknown", error=repr(exc))
            return None

    async def news(self, timeout: float) -> None:
        """Wait for a record of the roster, for `timeout` seconds at most."""
        if not await self._reader.changed(timeout):
            await asyncio.sleep(0)

    async def read_to_end(self) -> None:
        """Have everything in the view that was written before this call; raises as `RosterReader.read_to_end`."""
        await self._reader.read_to_end()

    # --- what follows -------------------------------------------------------------------------------------------------

    def listen(self) -> None:
        """Find out how well the roster is heard; before each decision."""
        self._earshot.heard(self.view.of(self._id, self._client_id), time.monotonic())

    def decide(self, seat: str, group: Group | None) -> Decision:
        """Whether to take a seat, if the group is like that."""
        now, view = time.monotonic(), self.view
        shadows = list(view.shadows_of(seat, now))
        return decide(
            Sight(
                seat=seat,
                now=now,
                own_client_id=self._client_id,
                owner=view.seats().get(seat),
                heard_since=self._earshot.since(now),
                group=group,
                lag=self.lag(seat),
                is_after_gap=self._earshot.is_after_gap,
                restarting=view.restarting(seat),
                rank=shadows.index(self._id) if self._id in shadows else 0,
                claimed_by=self._claimed_by(seat, now),
                policy=self.policy,
            )
        )

    def _claimed_by(self, seat: str, now: float) -> str:
        """The shadow whose claim comes before this one's own."""
        first = next(iter(self.view.claims_on(seat, now)), None)
        return first.standby_id if first is not None and first.client_id != self._client_id else ""

    async def claim(self, seat: str) -> None:
        """Say that this process is about to sit down, then have everything in the view that was written before.

        Whoever else wants the seat does the same: a shadow with its claim, the next process of the owner with its word
        that it is restarting. Each writes before it reads, so of two at least one sees the other.

        Raises:
            RosterUnavailableError: the roster cannot be written or read.
            TimeoutError: it is not read in time.
        """
        key, value = encode_claim(Claim(seat, self._id, self._client_id))
        await write_record(self._connection, topic_name(self._app.id), CONTROL, key, value)
        await self._reader.read_to_end()

    async def withdraw(self, seat: str) -> None:
        """Take the claim back; it ends by itself where that fails."""
        with suppress(RosterUnavailableError):
            key = claim_key(seat, self._id)
            await write_record(self._connection, topic_name(self._app.id), CONTROL, key, None)

    def owner(self, seat: str) -> Seen:
        """What was written last for a seat that somebody has ever been in."""
        return self.view.seats()[seat]

    def wishes_for(self, seat: str) -> Mapping[str, tuple[int, ...]] | None:
        """Which changelog partitions belong to a seat, `{topic: partitions}`; None where that was never known."""
        return self._wishes.get(seat)

    def is_lost(self, seat: str) -> bool:
        """Whether a seat can be had by joining alone: it was given up, or its session has ended."""
        now, group = time.monotonic(), self.primary
        seen = self.view.seats().get(seat)
        if seen is None or group is None or self._earshot.since(now) is None:
            return False
        if group.in_seat(seat) is not None or seen.is_alive(now):
            return False
        return seen.entry.state is SeatState.LEFT or group.is_stable or not group.members

    def differences(self, group: Group | None) -> str:
        """In what this code's tables differ from those of the primary group; empty: in nothing that is known."""
        return differences(self._shadow.changelogs, group) if group is not None else ""

    def lag(self, seat: str) -> int | None:
        """Changelog records that the shadow of one seat is behind; None while that is not known."""
        return self._lag_in(self._shadow.lags(), seat)

    def _lag_in(self, lags: Mapping[Any, int | None], seat: str) -> int | None:
        if seat not in self._wishes:
            return None
        found = [lags.get((topic, n)) for topic, numbers in self._wishes[seat].items() for n in numbers]
        known = [lag for lag in found if lag is not None]
        return sum(known) if len(known) == len(found) else None

    def facts(self) -> Facts:
        """What is known of how well seats are shadowed."""
        lags = self._shadow.lags()
        return Facts(
            group_id=self._app.id,
            is_heard=self._earshot.since(time.monotonic()) is not None,
            was_heard=self._earshot.was_heard,
            primary=self.primary,
            has_entries=bool(self.view.seats()),
            doubt=self._reader.problem or ("" if self._earshot.was_heard else self._doubt),
            differences=self.differences(self.primary) or self._shadow.problem,
            lags={seat: self._lag_in(lags, seat) for seat in self.seats},
            max_lag=self.policy.max_lag,
        )
