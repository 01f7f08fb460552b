"""The worker of the standby group that keeps the app's tables as other workers have them; runs no agent."""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from faust.types import TP

from framework.membership.coordinator_requests import Listener
from framework.membership.roster import topic_name
from framework.standby.applying import Applier
from framework.standby.assignor import StandbyAssignor, ordered
from framework.standby.member import new_member
from framework.standby.reading import AWAY, RETRY, Reader

log = structlog.get_logger(__name__)

LOOK_INTERVAL = 0.5
"""Seconds between two questions where the changelogs end."""

COMMIT_INTERVAL = 1.0

PATIENCE = 5.0
"""Seconds to wait for a grant before asking again: the leader may not have known a new partition yet."""

STOP_WAIT = 1.0
"""Seconds that a stop waits for the last commit, and again for the close, which goes on in the background."""


class Shadow:
    """A member of the standby group that applies changelogs to the app's own tables.

    It is made and used on the app's event loop, and starts no service of the app: the app may be started after it has
    been stopped, and finds its tables as they were left.

    Args:
        app: whose tables.
        group_id: the standby group.
        group_instance_id: its seat there.
        client_id: of this process, as the broker shows it.
        listener: told what becomes of the member, on this event loop.
    """

    def __init__(self, app: Any, *, group_id: str, group_instance_id: str, client_id: str, listener: Listener) -> None:
        self._roster_topic = topic_name(app.id)
        self._fields = {"group_id": group_id, "group_instance_id": group_instance_id}
        self._applier = Applier(app)
        self._assignor = StandbyAssignor()
        self._consumer = new_member(
            app,
            self._assignor,
            group_id=group_id,
            group_instance_id=group_instance_id,
            client_id=client_id,
            listener=listener,
        )
        self._reader = Reader(self._consumer, self._applier, self._fields)
        self._wishes: Mapping[str, tuple[int, ...]] = {}
        self._topics: set[str] = set()
        self._global_counts: dict[str, int] = {}
        self._asked_at = self._committed_at = self._searched_at = float("-inf")
        self._is_connected = False
        self._has_let_go = False
        self.failure: BaseException | None = None
        """What ended it; it cannot go on in this process."""
        self._asking = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    # --- what others see ----------------------------------------------------------------------------------------------

    @property
    def changelogs(self) -> frozenset[str]:
        """Names of the changelog topics of the app's tables."""
        return self._applier.changelogs

    @property
    def member(self) -> Any:
        """The `StaticGroupCoordinator`, or None before it has connected."""
        return self._consumer.coordinator if self._is_connected else None

    def lags(self) -> Mapping[TP, int | None]:
        """Offsets from the position to the end as the broker told it last; None: not known yet.

        They go on growing while the standby group rebalances, in which nothing is applied.
        """
        return {tp: self._reader.progress.lag(tp) for tp in self._reader.wanted}

    @property
    def has_caught_up(self) -> bool:
        """Whether each shadowed partition was at its end once, and all of its records could be applied."""
        return self._reader.wanted <= self._reader.progress.caught_up and not self._applier.problems

    @property
    def problem(self) -> str:
        """Why the tables are not what their owners have, as a sentence; empty if they are, or will be."""
        end = "" if self.failure is None else f"the shadow has ended: {self.failure!r}"
        return next(iter([*self._applier.problems.values(), *self._reader.blocked.values(), end]), "")

    # --- what it does -------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Join the standby group and begin to apply, in the background, as soon as the brokers are there."""
        self._task = asyncio.create_task(self._run(), name="shadow")
        self._task.add_done_callback(self._on_end)

    async def follow(self, wishes: Mapping[str, Iterable[int]]) -> None:
        """Shadow these partitions from now on, `{topic: partitions}`; global tables are always shadowed as well.

        Topics that are no changelog of this app are left out. What is no longer shadowed is taken out of the tables.
        After `let_go` it does nothing.
        """
        self._wishes = {topic: found for topic, found in ordered(wishes).items() if topic in self.changelogs}
        await self._ask()

    async def catch_up(self, timeout: float) -> bool:
        """Wait until all that is in the changelogs now is applied; False if that took longer than `timeout` seconds."""
        with contextlib.suppress(*AWAY):
            async with asyncio.timeout(timeout):
                ends = await self._reader.ends(self._reader.wanted)
                while not self._reader.progress.has_reached(ends):
                    await self._reader.has_moved()
                return True
        return False

    async def let_go(self, *, keep: Mapping[str, Iterable[int]] | None = None) -> None:
        """Apply no more: the tables are the app's from here on. The member stays in the group until `stop`.

        Args:
            keep: `{topic: partitions}` to keep in the tables, beside global tables; others are taken out. None: all.
        """
        async with self._asking:
            # Whoever asks for something else from here on would empty tables that are in use.
            self._has_let_go = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        if keep is not None:
            kept = {TP(topic, number) for topic, numbers in keep.items() for number in numbers}
            kept |= {tp for tp in self._reader.wanted if tp.topic in self._applier.global_changelogs}
            await self._reader.drop(self._reader.wanted - kept)
        self._reader.let_go()

    async def stop(self, *, leave: bool) -> None:
        """Commit and close the member; about 2 s at most, what takes longer goes on in the background.

        Args:
            leave: whether to give the seat in the standby group up.
        """
        await self.let_go()
        if self.member is not None:
            with contextlib.suppress(*AWAY):
                await asyncio.wait_for(self._reader.commit(), STOP_WAIT)
            self.member.leave_on_close = leave
        self._closing = self._closing or asyncio.create_task(self._consumer.stop(), name="shadow-closing")
        await asyncio.wait([self._closing], timeout=STOP_WAIT)

    # --- what to shadow -----------------------------------------------------------------------------------------------

    async def _ask(self) -> None:
        async with self._asking:
            if not self._has_let_go:
                await self._ask_now()

    async def _ask_now(self) -> None:
        """Ask the group for what is wanted, if that has changed, and take out of the tables what no longer is."""
        wishes = {**self._wishes, **self._of_global_tables()}
        await self._reader.want(TP(topic, number) for topic, numbers in wishes.items() for number in numbers)
        # Only topics that exist: a broker may create one that is asked for, with settings of its own.
        topics = {self._roster_topic, *wishes}
        has_changed = ordered(wishes) != self._assignor.wished
        if has_changed:
            self._assignor.wish(wishes)
        if not self._is_connected:
            return
        if topics != self._topics:
            self._topics = topics
            self._consumer.subscribe(sorted(topics), listener=self._reader)
            self._asked_at = time.monotonic()
        elif has_changed:
            self._join_again("the partitions to shadow have changed")

    def _of_global_tables(self) -> dict[str, tuple[int, ...]]:
        for topic in self._applier.global_changelogs & self._topics:
            # Subscribed by now, so a partition that is added is seen.
            seen = len(self._consumer.partitions_for_topic(topic) or ())
            self._global_counts[topic] = max(seen, self._global_counts.get(topic, 0))
        return {topic: tuple(range(count)) for topic, count in self._global_counts.items()}

    async def _find_global_tables(self) -> None:
        missing = self._applier.global_changelogs - self._global_counts.keys()
        if missing and time.monotonic() - self._searched_at >= PATIENCE:
            self._searched_at = time.monotonic()
            self._global_counts.update(await self._consumer.count_partitions(missing))

    def _join_again(self, reason: str) -> None:
        self._assignor.renew()
        self._asked_at = time.monotonic()
        self._consumer.coordinator.request_rejoin(reason)

    # --- in the background --------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while not self._is_connected:
            try:
                await self._consumer.start()
                self._is_connected = True
            except AWAY as error:
                log.warning("standby.not_connected", error=repr(error), **self._fields)
                await asyncio.sleep(RETRY)
        with contextlib.suppress(*AWAY):
            await self._find_global_tables()
        await self._ask()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._reader.read(), name="shadow-reading")
            group.create_task(self._watch(), name="shadow-watching")

    def _on_end(self, task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("standby.shadow_ended", error=repr(error), **self._fields, exc_info=error)
            self.failure = error

    async def _watch(self) -> None:
        while True:
            try:
                await self._look()
            except AWAY as error:
                log.debug("standby.look_failed", error=repr(error), **self._fields)
            await asyncio.sleep(LOOK_INTERVAL)

    async def _look(self) -> None:
        await self._find_global_tables()
        await self._ask()  # which also tries those again that could not be positioned
        await self._reader.look()
        now = time.monotonic()
        if now - self._committed_at >= COMMIT_INTERVAL:
            self._committed_at = now
            await self._reader.commit()
        if self._reader.wanted - self._reader.granted and now - self._asked_at >= PATIENCE:
            self._join_again("not all that was wished for has been granted")
