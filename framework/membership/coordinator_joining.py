"""How the member joins: looks before it joins anew, and uses no assignment that was made for something else.

A part of `coordinator.py`: knows nothing of heartbeats and of leaving.
"""

import asyncio
import time
from typing import Any

import structlog
from aiokafka.consumer.group_coordinator import CoordinatorGroupRebalance
from aiokafka.coordinator.protocol import ConsumerProtocol

from framework.membership.answers import is_former_self
from framework.membership.assignor import Basis, SeatAssignor, why_stale
from framework.membership.coordinator_requests import AnsweredCoordinator, SeatLostError
from framework.membership.description import group_of
from framework.membership.group import Joined
from framework.membership.protocol import FencedInstanceIdError, StaticDescribeGroupRequest
from framework.membership.reactions import failure

log = structlog.get_logger(__name__)

FORCED_REJOINS = 3
"""How often in a row a member may refuse a stale assignment; after that it takes what it is given."""


class JoiningCoordinator(AnsweredCoordinator):
    """A member that joins.

    Args:
        assignor: assigns where this member leads, and says what each assignment was made for.
        client_id: of this process, as the broker shows it.
    """

    def __init__(self, *args: Any, assignor: SeatAssignor, client_id: str, **kwargs: Any) -> None:
        self.last_heartbeat: float | None = None
        """Monotonic time of the last answer that confirmed the membership."""
        self._seat_assignor = assignor
        self._client_id = client_id
        self._was_member = False
        self._prepared_at = time.monotonic()
        self._refused = 0
        super().__init__(*args, assignors=(assignor,), **kwargs)

    async def _on_join_prepare(self, previous_assignment: Any) -> None:
        """Called by aiokafka before a join; returns when the records in hand are done."""
        self._prepared_at = time.monotonic()
        await super()._on_join_prepare(previous_assignment)

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
        basis = self._seat_assignor.basis_of(decoded)
        if await self._refuse(basis, subscription):
            return False
        self.last_heartbeat = time.monotonic()
        self._was_member = True
        self._lead_if_former_leader(basis, subscription)
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

    async def _refuse(self, basis: Basis, subscription: Any) -> bool:
        """Join again instead of using an assignment that no longer fits.

        It must not be used even for a moment: Faust's assignor asserts that each assigned topic is one of its own.
        """
        await self._client._maybe_wait_metadata()
        counts = self._partition_counts(subscription.topics)
        reason = why_stale(basis, subscription.topics, counts, self._seat_assignor.pages_url)
        if reason is None or self._refused >= FORCED_REJOINS:
            self._refused = 0
            return False
        self._refused += 1
        self._seat_assignor.renew()
        self.request_rejoin(reason)
        return True

    def _partition_counts(self, topics: set[str]) -> dict[str, int]:
        return {topic: len(self._cluster.partitions_for_topic(topic) or ()) for topic in topics}

    async def _perform_assignment(self, response: Any) -> Any:
        """Called by aiokafka on the group's leader; assigns from what the topics are now, not from a cache."""
        await self._client.force_metadata_update()
        return await super()._perform_assignment(response)

    def _lead_if_former_leader(self, basis: Basis, subscription: Any) -> None:
        """Watch for new partitions if this member leads without having been told.

        Before JoinGroup v9 a leader that comes back is told its former member id as the leader's, lest it assign again.
        Nobody would watch the topics then until the next rebalance.
        """
        if self._leader_id != self.member_id and is_former_self(self._leader_id, self._group_instance_id):
            self._group_subscription = set(subscription.topics)
            self._metadata_snapshot = {topic: basis.partitions.get(topic, 0) for topic in subscription.topics}

    def _on_metadata_change(self) -> None:
        self._seat_assignor.renew()
        self.request_rejoin("partitions of the group's topics changed")
