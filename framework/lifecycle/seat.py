"""Before a worker joins: looks who holds its seat, and waits outside the group while somebody else does."""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

import structlog

from framework.backoff import Backoff
from framework.errors import BrokerUnavailableError, RosterUnavailableError, SeatTakenError, SupersededError
from framework.identity import boot_id
from framework.lifecycle.link import Go
from framework.lifecycle.standby_presence import tell_restarting
from framework.lifecycle.status import Fence
from framework.membership.admin import GroupAdmin
from framework.membership.group import Group
from framework.membership.roster import CLAIM_LASTS, SEATS, GaveUp, topic_name
from framework.membership.roster_reader import RosterReader
from framework.membership.roster_records import encode_gave_up, gave_up_key
from framework.membership.roster_topic import RosterMissingError, write_record
from framework.membership.verdict import Claim, Holder, Judgement, Verdict, is_own, judge

if TYPE_CHECKING:
    from framework.app import App
    from framework.settings import Settings

log = structlog.get_logger(__name__)

SPREAD = 0.3
"""Seconds at most by which those who waited for one seat come apart before they take a last look and join."""

OnWaiting = Callable[[Fence], None]


async def await_seat(app: "App", go: Go, on_waiting: OnWaiting) -> bool:
    """Return as soon as this worker may join: at once, or when whoever holds its seat has gone.

    Where a spare holds it, or this worker is the spare and another one is back in the seat, waiting outside is a waste:
    it may keep the seat warm instead.

    Args:
        app: bound to its identity.
        go: what its supervisor knows of the processes before this one.
        on_waiting: told after each look that found the seat taken.

    Returns:
        Whether it may join; False: it is to shadow the seat.

    Raises:
        SeatTakenError: another live process holds it, and this one is not to wait, or not any longer.
        SupersededError: the same, and that process is newer than the one of ours that it replaced.
        BrokerUnavailableError: no broker tells of its cluster.
        GroupNotAllowedError: this user may not describe the group.
    """
    if app.identity is None or app.identity.group_instance_id is None or go.is_handover:
        return True
    async with SeatWatch(app, go) as watch:
        await watch.let_shadows_pass()
        judgement = await watch.first_look()
        attempt = go.attempts
        while not judgement.verdict.may_join:
            attempt += 1
            if app.settings.fenced_policy == "retry" and _is_for_shadows(app, judgement.holder):
                assert judgement.holder is not None, "a seat that is taken has a holder"
                log.info("worker.shadow_holds_seat", holder=describe(judgement.holder))
                return False
            fence = watch.fence(judgement, attempt)
            if app.settings.fenced_policy == "stop" or attempt >= app.settings.fenced_max_attempts:
                await watch.give_up(fence)
                raise watch.refusal(fence)
            on_waiting(fence)
            judgement = await watch.next_look(judgement, attempt)
        if judgement.holder is not None:
            is_ours = judgement.holder.member_id in go.members
            whose = "a process before this one, of the same supervisor" if is_ours else describe(judgement.holder)
            event = "worker.seat_is_ours" if judgement.verdict is Verdict.SELF else "worker.seat_is_free"
            log.info(event, holder=whose, holder_member_id=judgement.holder.member_id)
        return True


def _is_for_shadows(app: "App", holder: Holder | None) -> bool:
    assert app.identity is not None, "not bound"
    is_seat_of_primary = app.identity.group_id == app.id
    return is_seat_of_primary and (app.role == "standby" or (holder is not None and bool(holder.standby_id)))


class SeatWatch:
    """Looks at one seat from outside its group; as a context manager closes what it opened."""

    def __init__(self, app: "App", go: Go) -> None:
        assert app.identity is not None, "not bound"
        assert app.incarnation is not None, "not bound"
        assert app.identity.group_instance_id is not None, "a dynamic member has no seat"
        self._settings: Settings = app.settings
        self._group_id = app.identity.group_id
        # Both groups speak in one roster.
        self._roster = app.id
        self._claim = Claim(
            app.identity.group_instance_id,
            app.incarnation,
            app.identity.service,
            lineage=go.lineage,
            members=go.members,
            fenced=go.fenced,
            fences=go.attempts,
            has_unanswered_join=go.has_unanswered_join,
            boot_id=boot_id(),
        )
        self._is_shadowed = go.is_shadowed
        self._client_id = app.client_id
        self._connection = app.connection
        self._admin = GroupAdmin(self._connection)
        self._reader: RosterReader | None = None
        self._doubt = ""
        self._stack = AsyncExitStack()
        self._backoff = Backoff(self._settings.fenced_backoff_initial, self._settings.fenced_backoff_max, jitter=0.1)

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._admin)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def look(self) -> Judgement:
        """Whose seat it is now; asks the roster only if the group's description does not settle it."""
        group = await self._admin.describe(self._group_id)
        if is_own(self._claim, group):
            return judge(self._claim, group, None, time.monotonic())
        await self._open_roster()
        judgement = self._judge(group)
        self._claim = replace(self._claim, is_first_look=False)
        return judgement

    async def let_shadows_pass(self) -> None:
        """Tell the shadows of the seat that this process comes, and wait for one that is just sitting down.

        A shadow writes its claim before it reads, and this process its word before it reads the claims: of the two at
        least one sees the other. Who is told of a claim waits until the shadow is in the seat, and finds it held.
        """
        is_theirs = self._group_id == self._roster and (self._is_shadowed or self._claim.is_first)
        if not is_theirs:
            return
        await self._open_roster()
        reader, seat = self._reader, self._claim.group_instance_id
        if reader is None or (not self._is_shadowed and reader.view.failover_after(seat) is None):
            return
        await tell_restarting(self._connection, self._group_id, seat, self._client_id)
        with suppress(RosterUnavailableError, TimeoutError):
            await reader.read_to_end()
        while claims := reader.view.claims_on(seat, time.monotonic()):
            log.info("worker.lets_shadow_pass", standby_id=claims[0].standby_id)
            await reader.changed(CLAIM_LASTS / 10)

    async def first_look(self) -> Judgement:
        """Look for the first time; waits for the group's coordinator, for brokers that answer may have none yet."""
        attempt = 0
        while True:
            try:
                return await self.look()
            except BrokerUnavailableError as exc:
                attempt += 1
                log.warning("worker.broker_away", error=str(exc))
                await asyncio.sleep(self._backoff.delay(attempt))

    def _judge(self, group: Group) -> Judgement:
        now = time.monotonic()
        reader = self._reader
        # Where nobody can write, or be read, everybody would look dead: then the description decides alone.
        doubt = reader.doubt(now) if reader is not None else ""
        if doubt not in ("", self._doubt):
            log.info("worker.no_roster", why=doubt)
        self._doubt = doubt
        view = reader.view if reader is not None and not doubt else None
        return judge(self._claim, group, view, now)

    async def next_look(self, before: Judgement, attempt: int) -> Judgement:
        """Wait for the next look, shorter if the roster says that the holder is gone, and take it.

        A look that no broker answers is none: it is not counted, and taken again after another wait.
        """
        while True:
            await self._pause(before.holder, attempt)
            try:
                return await self._look_twice()
            except BrokerUnavailableError as exc:
                log.warning("worker.broker_away", error=str(exc))

    async def _pause(self, holder: Holder | None, attempt: int) -> None:
        deadline = time.monotonic() + self._backoff.delay(attempt, random.random())  # noqa: S311 - jitter
        while (left := deadline - time.monotonic()) > 0 and not self._has_gone(holder):
            if self._reader is None or not await self._reader.changed(left):
                await asyncio.sleep(min(left, 0.1))

    async def _look_twice(self) -> Judgement:
        """Look, and look again before a free seat is taken."""
        judgement = await self.look()
        if judgement.verdict is Verdict.FREE:
            # Others may have waited for the same seat: whoever looks last finds the first one's entry.
            await asyncio.sleep(random.random() * SPREAD)  # noqa: S311
            judgement = await self.look()
        return judgement

    def _has_gone(self, holder: Holder | None) -> bool:
        if holder is None or not holder.is_known or self._reader is None:
            return False
        seen = self._reader.view.of(self._claim.group_instance_id, holder.client_id)
        return seen is not None and not seen.is_alive(time.monotonic()) and self._reader.is_telling(time.monotonic())

    async def _open_roster(self) -> None:
        if self._reader is not None:
            return
        reader = RosterReader(self._connection, self._roster)
        try:
            await reader.start()
        except RosterUnavailableError as exc:
            # The description of the group decides alone then; a dead holder's seat is free when its session has ended.
            # Before the first worker of a group has started that is as it should be.
            tell = log.debug if isinstance(exc, RosterMissingError) else log.info
            tell("worker.no_roster", why=str(exc))
            await reader.close()
        else:
            self._reader = reader
            self._stack.push_async_callback(reader.close)

    async def give_up(self, fence: Fence) -> None:
        """Leave word of it: a supervisor that is started again has no memory, and would take the seat.

        Nothing depends on it where the roster cannot be written.
        """
        host = self._claim.incarnation.host
        word = GaveUp(self._claim.group_instance_id, host, fence.holder_client_id)
        topic, key = topic_name(self._roster), gave_up_key(word.group_instance_id)
        with suppress(RosterUnavailableError):
            await write_record(self._connection, topic, SEATS, key, encode_gave_up(word))

    def fence(self, judgement: Judgement, attempt: int) -> Fence:
        """What to tell about a seat that is taken."""
        holder = judgement.holder
        assert holder is not None, "a seat that is taken has a holder"
        log.warning(
            "worker.waiting",
            verdict=judgement.verdict.value,
            attempt=attempt,
            limit=self._settings.fenced_max_attempts,
            holder_host=holder.host,
            holder_pid=holder.pid,
            holder_since=since(holder),
            holder_client_id=holder.client_id,
            holder_member_id=holder.member_id,
        )
        limit = self._settings.fenced_max_attempts
        # The client id that is shown of an unknown one is that of somebody else.
        client_id = holder.client_id if holder.is_known else ""
        return Fence(judgement.verdict.value, attempt, limit, describe(holder), client_id)

    def refusal(self, fence: Fence) -> SeatTakenError | SupersededError:
        """The error that ends a worker which is not to wait, or not any longer."""
        is_newer = fence.verdict == Verdict.SUPERSEDED
        seat, group_id = self._claim.group_instance_id, self._group_id
        kind = SupersededError if is_newer else SeatTakenError
        why = (
            "FRAMEWORK_FENCED_POLICY is stop"
            if self._settings.fenced_policy == "stop"
            else f"it was still there at look {fence.attempt} of {fence.limit} (FRAMEWORK_FENCED_MAX_ATTEMPTS)"
        )
        return kind(
            f"Another {'newer ' if is_newer else ''}process holds the seat {seat!r} of group {group_id!r}:"
            f" {fence.holder}. This worker has nothing to do, and ends because {why}. Stop the other one if it should"
            " not be there; if both are meant to work, give each an instance id of its own.",
            group_id=group_id,
            group_instance_id=seat,
        )


def since(holder: Holder) -> str | None:
    """When a holder's process started, for a person; UTC."""
    if holder.start_ms is None:
        return None
    return datetime.fromtimestamp(holder.start_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def describe(holder: Holder) -> str:
    """A holder for a person: host, process, since when, client id, member id."""
    if not holder.is_known:
        return (
            f"a process that the roster does not know, member id {holder.member_id}; the client id that the broker"
            f" shows, {holder.client_id}, is that of the process which sat down there first"
        )
    named = f"host {holder.host}, process {holder.pid}, since {since(holder)}, client id {holder.client_id}"
    return f"{named}, member id {holder.member_id}" if holder.member_id else f"{named}, about to join"
