"""How the member joins: looks before it joins anew, and uses no assignment that was made for something else.

A part of `coordinator.py`: knows nothing of heartbeats and of leaving.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import structlog
from aiokafka.consumer.group_coordinator import CoordinatorGroupRebalance
from aiokafka.coordinator.protocol import ConsumerProtocol

from framework.errors import MembershipBrokenError
from framework.membership.answers import is_former_self
from framework.membership.coordinator_requests import AnsweredCoordinator, SeatLostError
from framework.membership.description import group_of
from framework.membership.group import Joined
from framework.membership.protocol import FencedInstanceIdError, StaticDescribeGroupRequest
from framework.membership.reactions import failure

log = structlog.get_logger(__name__)

LOOK_EVERY = 0.1
"""Seconds between two looks at whether the records in hand can be finished, while a join waits for them."""

CHANGELOGS_WITHIN = 3.0
"""Seconds that a leader waits for a broker to know the changelogs that have just been created."""

FORCED_REJOINS = 3
"""How often in a row a member may refuse a stale assignment; after that it takes what it is given."""


class Assignor(Protocol):
    """Assigns where its member leads, and knows what each assignment was made for."""

    def why_unfit(self, assignment: Any, subscription: Iterable[str], partitions: Mapping[str, int]) -> str | None:
        """Say why a decoded assignment does not fit this member any more; None if it does.

        Args:
            assignment: as the leader made it.
            subscription: topics this member asks for now.
            partitions: `{topic: number of partitions}` as this member sees them now.
        """

    def counts_in(self, assignment: Any) -> Mapping[str, int]:
        """`{topic: number of partitions}` as the leader saw them when it made a decoded assignment."""

    def created_topics(self) -> Iterable[str]:
        """Topics that this member creates before it joins, and that an assignment should not miss."""

    def renew(self) -> None:
        """Change the bytes of the next join, lest the broker answer from what it has stored."""


class JoiningCoordinator(AnsweredCoordinator):
    """A member that joins.

    Args:
        assignor: assigns where this member leads, and says what each assignment was made for.
        client_id: of this process, as the broker shows it.
    """

    def __init__(self, *args: Any, assignor: Assignor, client_id: str, **kwargs: Any) -> None:
        self.last_heartbeat: float | None = None
        """Monotonic time of the last answer that confirmed the membership."""
        self._assignor = assignor
        self._client_id = client_id
        self._was_member = False
        self._prepared_at = time.monotonic()
        self._refused = 0
        super().__init__(*args, assignors=(assignor,), **kwargs)

    async def _on_join_prepare(self, previous_assignment: Any) -> None:
        """Called by aiokafka before a join; returns when the records in hand are done."""
        self._prepared_at = time.monotonic()
        watching = asyncio.create_task(self._end_if_stuck())
        try:
            await super()._on_join_prepare(previous_assignment)
        finally:
            watching.cancel()

    async def _end_if_stuck(self) -> None:
        """End a member that the broker has forgotten if its lease is over: the records in hand cannot be finished.

        Step by step: it joins again when they are done; they are done when what they emit has been sent; it is sent
        when the lease is held; and that takes an answer that only a member gets.
        """
        while not self._was_member or self.generation >= 0 or self._listener.may_emit():  # noqa: ASYNC110 - a clock
            await asyncio.sleep(LOOK_EVERY)
        self._fail(
            MembershipBrokenError(
                f"The group {self.group_id!r} no longer knows this member, and its lease is over, so that what it is"
                " processing can be neither sent nor committed: somebody else may have the seat. This process cannot"
                " mend it, so it stops; a new process joins afresh.",
                group_id=self.group_id,
                group_instance_id=self._group_instance_id,
            )
        )

    async def _do_rejoin_group(self, subscription: Any) -> bool:
        if self._closing.done():
            return False
        await self._look_before_joining_anew()
        rebalance = CoordinatorGroupRebalance(
            self,
            self.group_id,
            self.coordinator_id,
            subscription,
            self._assignors,
            self._session_timeout_ms,
            self._retry_backoff_ms,
        )
        joined = await rebalance.perform_group_join()
        if not subscription.active:
            return False
        if joined is None:
            await asyncio.sleep(self._retry_backoff_ms / 1000)
            return False
        protocol, assignment_bytes = joined
        decoded = ConsumerProtocol.ASSIGNMENT.decode(assignment_bytes)
        if await self._refuse(decoded, subscription):
            return False
        self.last_heartbeat = time.monotonic()
        self._was_member = True
        self._lead_if_former_leader(decoded, subscription)
        reason, self._reason = self._reason, ""
        duration = time.monotonic() - self._prepared_at
        log.info(
            "membership.joined", member_id=self.member_id, reason=reason, duration=round(duration, 3), **self._fields
        )
        await self._on_join_complete(self.generation, self.member_id, protocol, assignment_bytes)
        assignment = {topic: tuple(sorted(partitions)) for topic, partitions in decoded.assignment}
        ended_ms = time.time_ns() // 1_000_000
        self._listener.on_joined(Joined(self.member_id, self.generation, assignment, reason, duration, ended_ms))
        return True

    async def _look_before_joining_anew(self) -> None:
        """Make sure that nobody has sat down in the seat since the broker forgot this member.

        A join without a member id takes the seat from whoever has it. The broker tells an owner that was replaced by
        FENCED_INSTANCE_ID, but one that it had forgotten before, by UNKNOWN_MEMBER_ID, whatever happened since.

        A member that gave its member id up by itself may still have the seat, and joins with that id again. Only in a
        seat that was empty meanwhile the client id tells who sits there: of those who follow each other in one, the
        broker shows that of the first.
        """
        if self.member_id or not self._was_member or self._group_instance_id is None:
            return
        await self.ensure_coordinator_known()
        response = await self._send_req(StaticDescribeGroupRequest(self.group_id))
        holder = group_of(response.groups[0]).in_seat(self._group_instance_id)
        if holder is None:
            return
        if holder.member_id in self._own_ids:
            self.member_id = holder.member_id
        elif holder.client_id != self._client_id:
            self._fail(failure(FencedInstanceIdError.errno, FencedInstanceIdError.message, self._seat))
            raise SeatLostError(str(self.failure))

    async def _refuse(self, assignment: Any, subscription: Any) -> bool:
        """Join again instead of using an assignment that no longer fits.

        It must not be used even for a moment: Faust's assignor asserts that each assigned topic is one of its own.
        """
        await self._client._maybe_wait_metadata()
        counts = self._partition_counts(subscription.topics)
        reason = self._assignor.why_unfit(assignment, subscription.topics, counts)
        if reason is None or self._refused >= FORCED_REJOINS:
            self._refused = 0
            return False
        self._refused += 1
        self._assignor.renew()
        self.request_rejoin(reason)
        return True

    def _partition_counts(self, topics: set[str]) -> dict[str, int]:
        return {topic: len(self._cluster.partitions_for_topic(topic) or ()) for topic in topics}

    async def _perform_assignment(self, response: Any) -> Any:
        """Called by aiokafka on the group's leader; assigns from what the topics are now, not from a cache."""
        await self._client.force_metadata_update()
        await self._wait_for_created_topics()
        return await super()._perform_assignment(response)

    async def _wait_for_created_topics(self) -> None:
        """Ask again for topics that this member has created, and that the broker does not know yet.

        Step by step: the controller answers that a changelog is created as soon as its own log has it; a broker that
        is behind in reading that log still says that there is no such topic; without the changelog its table would be
        assigned no partitions, and a second rebalance would have to mend that.
        """
        ends = time.monotonic() + CHANGELOGS_WITHIN
        while missing := sorted(set(self._assignor.created_topics()) - self._cluster.topics()):
            if time.monotonic() > ends:
                log.warning("membership.topics_missing", topics=missing, **self._fields)
                return
            await asyncio.sleep(LOOK_EVERY)
            await self._client.force_metadata_update()

    def _lead_if_former_leader(self, assignment: Any, subscription: Any) -> None:
        """Watch for new partitions if this member leads without having been told.

        Before JoinGroup v9 a leader that comes back is told its former member id as the leader's, lest it assign again.
        Nobody would watch the topics then until the next rebalance.
        """
        if self._leader_id != self.member_id and is_former_self(self._leader_id, self._group_instance_id):
            self._group_subscription = set(subscription.topics)
            counts = self._assignor.counts_in(assignment)
            self._metadata_snapshot = {topic: counts.get(topic, 0) for topic in subscription.topics}

    def _on_metadata_change(self) -> None:
        self._assignor.renew()
        self.request_rejoin("partitions of the group's topics changed")
