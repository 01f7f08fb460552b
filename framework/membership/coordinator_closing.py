"""How the member ends: within bounds, keeping its seat or giving it up.

A part of `coordinator.py`: knows nothing of heartbeats and of joining.
"""

import asyncio
from contextlib import suppress
from typing import Any

import aiokafka.errors as kafka_errors
import structlog
from aiokafka.client import CoordinationType

from framework.membership.coordinator_requests import AnsweredCoordinator, SeatLostError
from framework.membership.protocol import StaticLeaveGroupRequest

log = structlog.get_logger(__name__)

CLOSE_WAIT = 2.0
"""Seconds that closing waits for a join in flight, and for the answer to a LeaveGroup that nobody has ordered."""

LEAVE_WAIT = 10.0
"""Seconds to go on trying to leave where the worker is not coming back: a coordinator's death is noticed after nine."""


class ClosingCoordinator(AnsweredCoordinator):
    """A member that can be closed."""

    _heartbeat_task: "asyncio.Task[None] | None"
    _commit_refresh_task: "asyncio.Task[None] | None"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.leave_on_close = False
        """Whether a static member gives its seat up when it is closed; a dynamic one always leaves."""
        self.has_left = False
        """Whether the broker has confirmed that the seat was given up."""
        super().__init__(*args, **kwargs)

    async def close(self) -> None:
        """Stop being a live member; a static one keeps its seat unless `leave_on_close` is set by the end of it.

        `CLOSE_WAIT` bounds each step, `LEAVE_WAIT` an ordered leave.
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
        # Taken once: an answer that comes late to something else may reset it, and LeaveGroup without a member id would
        # remove whoever sits in the seat.
        member_id = self.member_id
        if not member_id:
            return
        bound = LEAVE_WAIT if self.leave_on_close else CLOSE_WAIT
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._leave_with_retries(member_id), bound)

    async def _leave_with_retries(self, member_id: str) -> None:
        request = StaticLeaveGroupRequest(self.group_id, member_id, self._group_instance_id)
        while True:
            try:
                await self._find_coordinator()
                await self._send_beside(request)
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
