"""Takes surplus seats out of a group one at a time and measures what each one costs; which ones, is decided before."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from framework.errors import CheckFailedError, FrameworkError, SeatLiveError, SeatNotFoundError
from framework.membership.group import Group, Member
from framework.membership.liveness import Roster
from framework.membership.roster import Entry, Wanted
from framework.membership.scaling import Plan, Scene, unsettled
from framework.membership.steps import Phase, Progress, Step
from framework.states import SeatState

POLL = 0.1
"""Seconds between two looks at the group."""

ASK_AGAIN = 2.0
"""Seconds after which a worker that has not left is asked again: it may have been starting."""

_CLEAN_UP = 5.0


class Admin(Protocol):
    """What is needed of a `GroupAdmin`."""

    async def describe(self, group_id: str) -> Group:
        """The group now."""
        ...

    async def remove(self, group_id: str, group_instance_id: str, member_id: str | None = None) -> None:
        """Take a member out of a seat."""
        ...

    async def partition_counts(self, topics: frozenset[str]) -> Mapping[str, int]:
        """How many partitions topics have."""
        ...


@dataclass(frozen=True, slots=True)
class Tools:
    """What a scaler works with.

    Attributes:
        admin: looks at the group and removes seats.
        roster: what the workers say.
        write: writes what is wanted.
        forget: deletes the entry of a seat.
        clock: monotonic seconds, the same as of `roster`.
        pause: waits so many seconds.
    """

    admin: Admin
    roster: Roster
    write: Callable[[Wanted], Awaitable[None]]
    forget: Callable[[str], Awaitable[None]]
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(slots=True)
class _Leaving:
    """What is remembered of the seat that is on its way out."""

    seat: str
    started: float
    was_in_group: bool
    generation: int
    action: str = "left"
    stood_still_from: float | None = None
    asked: float = field(default=float("-inf"))
    may_live_until: float = field(default=float("-inf"))


class Scaler:
    """Carries out one plan.

    Args:
        group_id: the group.
        plan: who stays and who goes.
        planned_at: monotonic seconds when it was known who lives.
        timeout: seconds that one step may take.
        tools: what to work with.
        tell: called whenever something has changed.
    """

    def __init__(
        self,
        group_id: str,
        plan: Plan,
        planned_at: float,
        timeout: float,
        tools: Tools,
        tell: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self._group_id = group_id
        self._plan = plan
        self._planned_at = planned_at
        self._timeout = timeout
        self._tools = tools
        self._tell = tell
        self._counts: dict[str, int] = {}
        self._asked_for: frozenset[str] = frozenset()
        self.progress = Progress(tuple(Step(seat) for seat in plan.steps))

    async def run(self) -> Progress:
        """Take the surplus seats out one after the other; that the wanted count is written already is up to the caller.

        Can be broken off and done again at any moment: what is left of it is decided from the group as it is then.

        Raises:
            CheckFailedError: a step took longer than it may; the message says what is missing.
            RosterUnavailableError: nothing can be written to the roster.
        """
        try:
            for index, seat in enumerate(self._plan.steps):
                await self._step(index, seat)
            if not self._plan.steps and not self._plan.missing:
                await self._until_settled()
        except BaseException:
            with suppress(FrameworkError, TimeoutError):
                await asyncio.wait_for(self._clear(), _CLEAN_UP)
            raise
        await self._clear()
        return self.progress

    async def _clear(self) -> None:
        """Whoever sits down in one of these seats later is not to read that it has to leave."""
        if self._plan.steps:
            await self._tools.write(Wanted(self._plan.count))

    async def _step(self, index: int, seat: str) -> None:
        scene = await self._scene()
        now = self._tools.clock()
        leaving = _Leaving(seat, now, seat in scene.group.seats, scene.generation_id)
        while missing := self._missing(scene, leaving):
            self._check_time(leaving.started, f"Step {index + 1} of {len(self._plan.steps)}", missing, seat)
            if seat in scene.group.seats or not leaving.was_in_group:
                leaving.generation = max(leaving.generation, scene.generation_id)
                await self._push(leaving, scene.group.in_seat(seat))
            self._report(index, Step(seat, self._phase(scene, leaving), leaving.action), missing)
            await self._tools.pause(POLL)
            scene = await self._scene()
            self._note_standstill(scene, leaving)
        self._report(index, self._result(scene, leaving))
        if leaving.action == "removed":
            await self._tools.forget(seat)

    def _result(self, scene: Scene, leaving: _Leaving) -> Step:
        now, since = self._tools.clock(), leaving.stood_still_from
        return Step(
            leaving.seat,
            Phase.DONE,
            leaving.action,
            standstill=now - since if since is not None else 0.0,
            seconds=now - leaving.started,
            generation_id=scene.generation_id,
        )

    def _missing(self, scene: Scene, leaving: _Leaving) -> tuple[str, ...]:
        if leaving.was_in_group:
            return unsettled(scene, without=leaving.seat, after=leaving.generation)
        # It was about to join, or has gone since the plan was made: no rebalance comes of it.
        missing = unsettled(scene, without=leaving.seat)
        starting = (f"the worker of seat {leaving.seat} has not gone yet",) if leaving.seat in scene.roster else ()
        return missing + starting

    async def _push(self, leaving: _Leaving, member: Member | None) -> None:
        """Bring the seat on its way: remove it if its worker is dead, else ask the worker, now and then again."""
        now = self._tools.clock()
        if member is not None and now >= leaving.may_live_until and self._is_dead(leaving.seat, now):
            await self._remove(leaving, member, now)
        elif now - leaving.asked >= ASK_AGAIN:
            leaving.asked = now
            await self._tools.write(Wanted(self._plan.count, frozenset({leaving.seat})))

    async def _remove(self, leaving: _Leaving, member: Member, now: float) -> None:
        try:
            await self._tools.admin.remove(self._group_id, leaving.seat, member.member_id)
        except SeatLiveError:
            # Somebody has sat down since the look; that it lives may take a moment to be read.
            leaving.may_live_until = now + ASK_AGAIN
            return
        except SeatNotFoundError:
            pass
        leaving.action, leaving.stood_still_from = "removed", now

    def _note_standstill(self, scene: Scene, leaving: _Leaving) -> None:
        if leaving.action == "removed":
            return
        seen = self._tools.roster.view.seats().get(leaving.seat)
        in_group = leaving.seat in scene.group.seats
        is_working = seen is not None and seen.entry.state in (SeatState.STARTING, SeatState.RUNNING)
        if in_group and (is_working or seen is None):
            leaving.stood_still_from = None
        elif leaving.stood_still_from is None and leaving.was_in_group:
            has_said_so = in_group and seen is not None
            leaving.stood_still_from = seen.seen_at if has_said_so and seen is not None else self._tools.clock()

    def _phase(self, scene: Scene, leaving: _Leaving) -> Phase:
        if leaving.action == "removed":
            return Phase.REMOVED
        if leaving.seat not in scene.group.seats and leaving.was_in_group:
            return Phase.GONE
        return Phase.STOPPING if leaving.stood_still_from is not None else Phase.ASKED

    async def _until_settled(self) -> None:
        started = self._tools.clock()
        while missing := unsettled(await self._scene()):
            self._check_time(started, "The group", missing)
            await self._tools.pause(POLL)

    def _check_time(self, started: float, what: str, missing: tuple[str, ...], seat: str = "") -> None:
        if self._tools.clock() - started < self._timeout:
            return
        hint = ""
        if seat and (doubt := self._tools.roster.doubt(self._tools.clock())):
            hint = f" {doubt}"
        elif seat and seat not in self._tools.roster.view.seats():
            hint = (
                f" Seat {seat} has no entry in the roster, so it is not held by a worker of this framework that could"
                " be asked to leave: stop its process yourself."
            )
        raise CheckFailedError(
            f"{what} is not settled after {self._timeout:g} s: {'; '.join(missing)}.{hint} Look at it with `framework"
            " group describe`, and run the command again to go on from here."
        )

    def _is_dead(self, seat: str, now: float) -> bool:
        roster = self._tools.roster
        return roster.is_telling(now) and seat in roster.view.seats() and seat not in self._living(now)

    def _living(self, now: float) -> Mapping[str, Entry]:
        """`{seat: newest entry}` of the live workers; whoever was dead when the plan was made has to show up first."""
        view = self._tools.roster.view
        dead = {*self._plan.removed, *self._plan.silent}
        return {
            seat: seen.entry
            for seat in view.seats()
            if (seen := view.live(seat, now)) is not None and (seat not in dead or seen.seen_at > self._planned_at)
        }

    async def _scene(self) -> Scene:
        group = await self._tools.admin.describe(self._group_id)
        topics = frozenset(topic for member in group.members for topic in member.subscription)
        if not topics <= self._asked_for:
            self._counts.update(await self._tools.admin.partition_counts(topics))
            self._asked_for |= topics
        return Scene(group, self._living(self._tools.clock()), self._counts)

    def _report(self, index: int, step: Step, missing: tuple[str, ...] = ()) -> None:
        steps = self.progress.steps
        self.progress = Progress((*steps[:index], step, *steps[index + 1 :]), missing)
        self._tell(self.progress)
