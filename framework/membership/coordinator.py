"""The member of the group: joins, heartbeats, commits and closes for one seat.

In four parts, the only modules that touch the privates of aiokafka's coordinator: this one, and those that it is made
of (`coordinator_requests.py`, `coordinator_joining.py`, `coordinator_closing.py`). aiokafka's own coordinator is made
for dynamic members. This one differs from it in these points:

- Every request names the instance (KIP-345), so that the broker can tell a replaced member that it was replaced.
- Every answer goes through one table (`reactions.py`) in one place, `_exchange`.
- An error that no retry can mend is told to the listener at once. aiokafka parks until asked, and Faust never asks.
- An assignment that was made for another subscription, or for fewer partitions, is not used: the member joins again.
- A former leader that comes back watches for new partitions, although the broker does not tell it that it leads.
- A member that owns no partitions never drops out for being idle.
- Closing is bounded, and may give the seat up.
"""

import asyncio
import time
from typing import Any

import aiokafka.errors as kafka_errors
import structlog
from aiokafka.protocol.group import HeartbeatRequest

from framework.errors import MembershipBrokenError, MembershipError
from framework.membership.coordinator_closing import ClosingCoordinator
from framework.membership.coordinator_joining import JoiningCoordinator
from framework.membership.coordinator_requests import SeatLostError
from framework.membership.reactions import failure

log = structlog.get_logger(__name__)


class StaticGroupCoordinator(JoiningCoordinator, ClosingCoordinator):
    """One member of a group, static if it has an instance id."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._coordination_task.add_done_callback(self._on_coordination_ended)

    # --- failures are told, never parked ------------------------------------------------------------------------------

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
        await super()._on_join_prepare(previous_assignment)
        self._not_idle()
