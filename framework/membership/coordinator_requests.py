"""What the member and its coordinator say to each other: requests that name the instance, answers through one table.

The ground of `coordinator.py`: knows what an answer means, and nothing of when to join, to heartbeat or to leave.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import aiokafka.errors as kafka_errors
import structlog
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, SyncGroupRequest

from framework.errors import FencedError, MembershipError
from framework.membership.answers import error_codes, gravest_first
from framework.membership.group import Joined
from framework.membership.protocol import StaticHeartbeatRequest, StaticOffsetCommitRequest, register_errors
from framework.membership.reactions import Reaction, Seat, failure, reaction_to

log = structlog.get_logger(__name__)

UNKNOWN_TOPIC = 3
ILLEGAL_GENERATION = 22
REBALANCE_IN_PROGRESS = 27
UNSUPPORTED_VERSION = 35

_PROVING = (HeartbeatRequest, SyncGroupRequest, OffsetCommitRequest)
_STILL_THERE = ({0}, {ILLEGAL_GENERATION}, {REBALANCE_IN_PROGRESS})
"""Answers to those that only a member gets which was not replaced: the broker looks who it is before it looks at its
generation (Apache Kafka, `ClassicGroup.validateMember`)."""


class Listener(Protocol):
    """Who is told what becomes of the member, in the member's thread."""

    def on_membership_failure(self, error: MembershipError) -> None:
        """The membership cannot go on; nothing more is sent to the group."""

    def on_member_id(self, member_id: str) -> None:
        """The broker has let this member in under this name; it has no assignment yet."""

    def on_joined(self, joined: Joined) -> None:
        """The member has its assignment."""

    def on_confirmed(self, sent_at: float) -> None:
        """The broker has answered as it does to the member in the seat only; the request was sent then (monotonic)."""

    def may_emit(self) -> bool:
        """Whether what is being processed can still be finished, as far as this worker's lease goes."""
        ...

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


class AnsweredCoordinator(GroupCoordinator):
    """A member that understands each answer by the table.

    Args:
        listener: told what becomes of it.
    """

    coordinator_id: int | None

    def __init__(self, *args: Any, listener: Listener, **kwargs: Any) -> None:
        register_errors()
        self.failure: MembershipError | None = None
        """What ended the membership. After the closing has begun only a fence is noted, and the listener not told."""
        self._listener = listener
        self._own_ids: set[str] = set()
        self._reason = "started"
        self._leader_id = ""
        super().__init__(*args, **kwargs)

    # --- one way out, one way in --------------------------------------------------------------------------------------

    async def _send_req(self, request: Any) -> Any:
        send = super()._send_req
        return await self._exchange(request, lambda: send(self._with_instance(request)))

    async def _send_beside(self, request: Any) -> Any:
        """Send to the coordinator over another connection than `_send_req`.

        A broker reads the next request of a connection when it has answered the last one, and a join is answered when
        the group's slowest member has joined.
        """

        async def send() -> Any:
            try:
                return await self._client.send(self.coordinator_id, request)
            except kafka_errors.KafkaError:
                self.coordinator_dead()
                raise

        return await self._exchange(request, send)

    async def _exchange(self, request: Any, send: Callable[[], Awaitable[Any]]) -> Any:
        if self.failure is not None:
            raise SeatLostError(str(self.failure))
        sent_at = time.monotonic()
        try:
            response = await send()
        except (NotImplementedError, kafka_errors.IncompatibleBrokerVersion):
            self._fail(failure(UNSUPPORTED_VERSION, "UNSUPPORTED_VERSION", self._seat))
            raise SeatLostError(str(self.failure)) from None
        if isinstance(request, JoinGroupRequest):
            self._leader_id = response.leader_id
            if not response.error_code:
                self._own_ids.add(response.member_id)
                self._listener.on_member_id(response.member_id)
        codes = set(error_codes(response))
        if isinstance(request, _PROVING) and codes in _STILL_THERE:
            self._listener.on_confirmed(sent_at)
        for code in sorted(codes, key=gravest_first):
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

    def _fail(self, error: MembershipError) -> None:
        if self.failure is not None:
            return
        if not self._closing.done():
            self.failure = error
            self._listener.on_membership_failure(error)
        elif isinstance(error, FencedError):
            # There is nothing left to stop, but whoever comes next must not take the seat for its own.
            self.failure = error

    @property
    def _seat(self) -> Seat:
        return Seat(self.group_id, self._group_instance_id, self.member_id or None)

    # --- what follows from an answer ----------------------------------------------------------------------------------

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

    @property
    def _fields(self) -> dict[str, Any]:
        return {
            "group_id": self.group_id,
            "group_instance_id": self._group_instance_id,
            "generation_id": self.generation,
        }
