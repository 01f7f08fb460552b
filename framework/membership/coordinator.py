"""The member of the group: joins, heartbeats, commits and closes for one seat.

The only module that touches aiokafka's privates. aiokafka's own coordinator is made for dynamic members. This one
differs from it in these points:

- Every request names the instance (KIP-345), so that the broker can tell a replaced member that it was replaced.
- Every answer goes through one table (`reactions.py`) in one place, `_send_req`.
- An error that no retry can mend is told to the listener at once. aiokafka parks until asked, and Faust never asks.
- An assignment that was made for another subscription, or for fewer partitions, is not used: the member joins again.
- A former leader that comes back watches for new partitions, although the broker does not tell it that it leads.
- A member that owns no partitions never drops out for being idle.
- Closing is bounded, and may give the seat up.
"""

import asyncio
import time
from contextlib import suppress
from typing import Any, Protocol

import aiokafka.errors as kafka_errors
import structlog
from aiokafka.client import CoordinationType
from aiokafka.consumer.group_coordinator import CoordinatorGroupRebalance, GroupCoordinator
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest

from framework.errors import MembershipBrokenError, MembershipError
from framework.membership.answers import error_codes, gravest_first, is_former_self
from framework.membership.assignor import Basis, SeatAssignor, why_stale
from framework.membership.description import group_of
from framework.membership.group import Joined
from framework.membership.protocol import (
    FencedInstanceIdError,
    StaticDescribeGroupRequest,
    StaticHeartbeatRequest,
    StaticLeaveGroupRequest,
    StaticOffsetCommitRequest,
    register_errors,
)
from framework.membership.reactions import Reaction, Seat, failure, reaction_to

log = structlog.get_logger(__name__)

UNKNOWN_TOPIC = 3
UNSUPPORTED_VERSION = 35

CLOSE_WAIT = 2.0
"""Seconds that closing waits for a join in flight, and again for LeaveGroup to be answered."""

FORCED_REJOINS = 3
"""How often in a row a member may refuse a stale assignment; after that it takes what it is given."""


class Listener(Protocol):
    """Who is told what becomes of the member, in the member's thread."""

    def on_membership_failure(self, error: MembershipError) -> None:
        """The membership cannot go on; nothing more is sent to the group."""

    def on_member_id(self, member_id: str) -> None:
        """The broker has let this member in under this name; it has no assignment yet."""

    def on_joined(self, joined: Joined) -> None:
        """The member has its assignment."""

    def has_progressed(self) -> bool:
        """Whether records were finished since the last call."""
        ...


class SeatLostError(Exception):
    """Ends whatever still wants something of a member whose failure the listener has been told already.

    Not a `KafkaError`: aiokafka takes each of those for a broken connection and tries again.
    """


class TryAgainError(kafka_errors.KafkaError):
    """Stands for an answer that the table says to retry, and that aiokafka would take for the end."""

    retriable = True


class StaticGroupCoordinator(GroupCoordinator):
    """One member of a group, static if it has an instance id."""

    coordinator_id: int | None
    _heartbeat_task: "asyncio.Task[None] | None"
    _commit_refresh_task: "asyncio.Task[None] | None"

    def __init__(
        self,
        *args: Any,
        assignor: SeatAssignor,
        client_id: str,
        listener: Listener,
        **kwargs: Any,
    ) -> None:
        register_errors()
        self.failure: MembershipError | None = None
        self.last_heartbeat: float | None = None
        """Monotonic time of the last answer that confirmed the membership."""
        self.leave_on_close = False
        self.has_left = False
        """Whether the broker has confirmed that the seat was given up."""
        self._seat_assignor = assignor
        self._client_id = client_id
        self._listener = listener
        self._was_member = False
        self._reason = "started"
        self._prepared_at = time.monotonic()
        self._leader_id = ""
        self._refused = 0
        super().__init__(*args, assignors=(assignor,), **kwargs)
        self._coordination_task.add_done_callback(self._on_coordination_ended)

    # --- one way out, one way in -------------------------------------------------------------------------------------

    async def _send_req(self, request: Any) -> Any:
        if self.failure is not None:
            raise SeatLostError(str(self.failure))
        try:
            response = await super()._send_req(self._with_instance(request))
        except (NotImplementedError, kafka_errors.IncompatibleBrokerVersion):
            self._fail(failure(UNSUPPORTED_VERSION, "UNSUPPORTED_VERSION", self._seat))
            raise SeatLostError(str(self.failure)) from None
        if isinstance(request, JoinGroupRequest):
            self._leader_id = response.leader_id
            if not response.error_code:
                self._listener.on_member_id(response.member_id)
        for code in sorted(set(error_codes(response)), key=gravest_first):
            self._react(code, request)
        return response

    def _with_instance(self, request: Any) -> Any:
        if isinstance(request, HeartbeatRequest):
            return StaticHeartbeatRequest(self.group_id, self.generation, self.member_id, self._group_instance_id)
        if isinstance(request, OffsetCommitRequest):
            if self.generation < 0:
                # A group without members takes a commit that names no generation, and this one may be long outdated.
                raise kafka_errors.CommitFailedError("already rebalanced: this member is out of the group")
            return StaticOffsetCommitRequest(
                self.group_id, self.generation, self.member_id, self._group_instance_id, request._topics
            )
        if isinstance(request, LeaveGroupRequest):
            return StaticLeaveGroupRequest(self.group_id, self.member_id, self._group_instance_id)
        return request

    def _react(self, code: int, request: Any) -> None:
        """Do what the table says about one error code; raises unless the caller may go on."""
        kind = kafka_errors.for_code(code)
        reaction = reaction_to(code, retriable=kind.retriable)
        if reaction is Reaction.GO_ON or (code == UNKNOWN_TOPIC and isinstance(request, OffsetFetchRequest)):
            return
        if reaction in (Reaction.FENCED, Reaction.FAIL):
            self._fail(failure(code, kind.message, self._seat))
            raise SeatLostError(str(self.failure))
        if reaction is Reaction.FIND_COORDINATOR:
            self.coordinator_dead()
        elif reaction is Reaction.JOIN_ANEW:
            self.reset_generation(f"the broker no longer knows this member ({kind.message})")
        elif reaction is Reaction.REJOIN and not isinstance(request, JoinGroupRequest):
            self.request_rejoin(f"the group is rebalancing ({kind.message})")
        if isinstance(request, OffsetCommitRequest) and code == UNKNOWN_TOPIC:
            # The topic is gone. aiokafka would send this commit for ever, and block each later one.
            raise kafka_errors.CommitFailedError("already rebalanced: a topic of this commit was deleted")
        if reaction is Reaction.RETRY and not kind.retriable:
            raise TryAgainError(f"error {code}")
        raise kind(self.group_id)

    @property
    def _seat(self) -> Seat:
        return Seat(self.group_id, self._group_instance_id, self.member_id or None)

    # --- failures are told, never parked ------------------------------------------------------------------------------

    def _fail(self, error: MembershipError) -> None:
        if self.failure is None and not self._closing.done():
            self.failure = error
            self._listener.on_membership_failure(error)

    def _push_error_to_user(self, exc: BaseException) -> Any:
        """Called by the coordination routine with an error of its own or of one of its tasks."""
        if not getattr(exc, "retriable", False):
            self._fail(self._as_membership_error(exc))
            return asyncio.wait([self._closing])
        log.warning("membership.retry", error=repr(exc), **self._fields)
        if self._heartbeat_task is not None and self._heartbeat_task.done():
            self._heartbeat_task = None
            self._start_heartbeat_task()
        if self._commit_refresh_task is not None and self._commit_refresh_task.done():
            assignment = self._subscription.subscription.assignment
            self._commit_refresh_task = None
            if assignment is not None:
                self.start_commit_offsets_refresh_task(assignment)
        return asyncio.wait([self._closing], timeout=self._retry_backoff_ms / 1000)

    def _as_membership_error(self, exc: BaseException) -> MembershipError:
        if self.failure is not None:
            return self.failure
        if isinstance(exc, kafka_errors.BrokerResponseError) and exc.errno > 0:
            return failure(exc.errno, exc.message, self._seat)
        return MembershipBrokenError(
            f"The membership in group {self.group_id!r} ended unexpectedly: {exc!r}. This process cannot mend it, so it"
            " stops; a new process joins afresh.",
            group_id=self.group_id,
            group_instance_id=self._group_instance_id,
        )

    async def _coordination_routine(self) -> None:
        try:
            await self._GroupCoordinator__coordination_routine()
        except SeatLostError:
            await self._closing
        except Exception as exc:  # noqa: BLE001 - whatever it was, nobody else will ever look at this task
            self._fail(self._as_membership_error(exc))
            await self._closing

    def _on_coordination_ended(self, task: "asyncio.Task[None]") -> None:
        if not self._closing.done():
            self._fail(
                self._as_membership_error(asyncio.CancelledError() if task.cancelled() else RuntimeError("ended"))
            )

    # --- heartbeat ----------------------------------------------------------------------------------------------------

    async def _do_heartbeat(self) -> bool:
        request = HeartbeatRequest(self.group_id, self.generation, self.member_id)
        try:
            await self._send_req(request)
        except kafka_errors.RebalanceInProgressError:
            # The broker knows us; heartbeats go on until the revoke is done, or the session could end during it.
            pass
        except kafka_errors.KafkaError as exc:
            log.warning("membership.heartbeat_failed", error=repr(exc), **self._fields)
            return False
        self.last_heartbeat = time.monotonic()
        if self._listener.has_progressed() or not self._subscription.assigned_partitions():
            self._not_idle()
        return True

    def _not_idle(self) -> None:
        """Count from now for `max_poll_interval_ms`, which is about members that are stuck.

        aiokafka takes the last fetch for the last sign of life. But a member without partitions has nothing to fetch,
        and one that works through a full buffer does not need to.
        """
        with self._subscription.fetch_context():
            pass

    async def ensure_active_group(self, subscription: Any, prev_assignment: Any) -> Any:
        """Called by aiokafka until the member has joined; a join that takes long is not the member's idleness."""
        if self._performed_join_prepare:
            self._not_idle()
        return await super().ensure_active_group(subscription, prev_assignment)

    async def _on_join_prepare(self, previous_assignment: Any) -> None:
        """Called by aiokafka before a join; returns when the records in hand are done, so the member is not stuck."""
        self._prepared_at = time.monotonic()
        await super()._on_join_prepare(previous_assignment)
        self._not_idle()

    # --- join ---------------------------------------------------------------------------------------------------------

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
        basis = self._seat_assignor.basis_of(ConsumerProtocol.ASSIGNMENT.decode(assignment_bytes))
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
        found = ConsumerProtocol.ASSIGNMENT.decode(assignment_bytes).assignment
        assignment = {topic: tuple(sorted(partitions)) for topic, partitions in found}
        ended_ms = time.time_ns() // 1_000_000
        self._listener.on_joined(Joined(self.member_id, self.generation, assignment, reason, duration, ended_ms))
        return True

    async def _look_before_joining_anew(self) -> None:
        """Make sure that nobody has sat down in the seat since the broker forgot this member.

        A join without a member id takes the seat from whoever has it. The broker tells an owner that was replaced by
        FENCED_INSTANCE_ID, but one that it had forgotten before, by UNKNOWN_MEMBER_ID, whatever happened since. A seat
        that was forgotten shows the client id of whoever took it first since then.
        """
        if self.member_id or not self._was_member or self._group_instance_id is None:
            return
        await self.ensure_coordinator_known()
        response = await self._send_req(StaticDescribeGroupRequest(self.group_id))
        holder = group_of(response.groups[0]).in_seat(self._group_instance_id)
        if holder is not None and holder.client_id != self._client_id:
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

    def request_rejoin(self, reason: str = "the subscription changed or the last join failed") -> None:
        """Join again as soon as the coordination routine gets to it."""
        if not self._rejoin_needed_fut.done():
            log.info("membership.rejoin", reason=reason, **self._fields)
            # The first reason counts; what follows until the join is complete follows from it.
            self._reason = self._reason or reason
        super().request_rejoin()

    def reset_generation(self, reason: str = "the membership was given up") -> None:
        """Forget the member id; the next join takes the seat as a new member."""
        self.generation = OffsetCommitRequest.DEFAULT_GENERATION_ID
        self.member_id = JoinGroupRequest.UNKNOWN_MEMBER_ID
        self.request_rejoin(reason)

    # --- close --------------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Stop being a live member; a static one keeps its seat unless `leave_on_close` is set.

        `CLOSE_WAIT` bounds each step.
        """
        if self._closing.done():
            return
        self._closing.set_result(None)
        await self._end(self._coordination_task)
        for task in (self._heartbeat_task, self._commit_refresh_task):
            if task is not None:
                task.cancel()
                await self._end(task)
        if self._group_instance_id is None or self.leave_on_close:
            await self._leave()

    async def _end(self, task: "asyncio.Task[Any]") -> None:
        """Wait for a task, then cancel it: a join in flight may last as long as the group's slowest member."""
        await asyncio.wait([task], timeout=CLOSE_WAIT)
        task.cancel()
        await asyncio.wait([task], timeout=CLOSE_WAIT)
        if task.done() and not task.cancelled() and task.exception() is not None:
            log.debug("membership.task_failed", error=repr(task.exception()), **self._fields)

    async def _leave(self) -> None:
        """Give the seat up, also when the coordinator moves just now; the session's end is the fallback."""
        if not self.member_id:
            return
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._leave_with_retries(), CLOSE_WAIT)

    async def _leave_with_retries(self) -> None:
        while True:
            try:
                await self._find_coordinator()
                await self._send_req(LeaveGroupRequest(self.group_id, self.member_id))
            except kafka_errors.UnknownMemberIdError:
                self.has_left = True
                return
            except SeatLostError:
                return
            except kafka_errors.KafkaError as exc:
                log.warning("membership.leave_failed", error=repr(exc), **self._fields)
                await asyncio.sleep(self._retry_backoff_ms / 1000)
            else:
                self.has_left = True
                log.info("membership.left", **self._fields)
                return

    async def _find_coordinator(self) -> None:
        # `ensure_coordinator_known` gives up once closing has begun, so the look-up is done here.
        if self.coordinator_id is None:
            self.coordinator_id = await self._client.coordinator_lookup(CoordinationType.GROUP, self.group_id)
            self._coordinator_dead_fut = asyncio.get_running_loop().create_future()

    async def _maybe_leave_group(self) -> None:
        """Called by aiokafka's heartbeat when nothing was fetched for `max_poll_interval_ms`."""
        if self._group_instance_id is None:
            await self._leave()
        self.reset_generation("nothing was fetched for max_poll_interval_ms")

    @property
    def _fields(self) -> dict[str, Any]:
        return {
            "group_id": self.group_id,
            "group_instance_id": self._group_instance_id,
            "generation_id": self.generation,
        }
