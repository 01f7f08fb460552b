"""One worker process as its reports tell it; draws no conclusions."""

import time
from dataclasses import dataclass, field

from framework.lifecycle.link import (
    Admitted,
    Beat,
    Bound,
    Failed,
    Left,
    Moved,
    Promoted,
    Report,
    Shadows,
    Surplus,
    Waiting,
    Yielded,
)
from framework.lifecycle.status import Fence, Rebalance, WorkerStatus
from framework.membership.group import Joined
from framework.states import AT_WORK, WorkerState


@dataclass(slots=True)
class Observed:
    """What is known of one process; `apply` keeps it up to date."""

    state: WorkerState = WorkerState.LOADING
    bound: Bound | None = None
    fence: Fence | None = None
    has_left: bool = False
    is_surplus: bool = False
    was_admitted: bool = False
    """Whether the broker has ever let it into the group."""
    has_started: bool = False
    """Whether it may have sent a join."""
    failed: Failed | None = None
    shadows: Shadows | None = None
    seat: str | None = None
    """The seat that it has taken over; None in its own, and in the standby group."""
    has_yielded: bool = False
    at_work_since: float | None = None
    """Monotonic seconds since when it runs or shadows; None until it does."""
    running_since: float | None = None
    """Monotonic seconds; None until it runs."""
    was_shadowed: bool = False
    """Whether a shadow watched over it when it said so last."""
    _joined: Joined | None = None
    _beat: Beat = field(default_factory=lambda: Beat(0))
    _beat_at: float | None = None

    def apply(self, report: Report) -> None:
        """Take in one report."""
        if isinstance(report, Moved):
            self._move(report.state)
        elif isinstance(report, Bound):
            self.bound = report
        elif isinstance(report, Admitted):
            self.was_admitted = True
        elif isinstance(report, Joined):
            self._joined = report
        elif isinstance(report, Beat):
            self._beat, self._beat_at = report, time.monotonic()
            self.was_shadowed = report.lease > 0
        elif isinstance(report, Waiting):
            self.fence = report.fence
        elif isinstance(report, Shadows):
            self.shadows = report
        elif isinstance(report, Promoted):
            self.seat = report.seat
        elif isinstance(report, Yielded):
            self.has_yielded = True
        elif isinstance(report, Left):
            self.has_left = True
        elif isinstance(report, Surplus):
            self.is_surplus = True
        elif isinstance(report, Failed):
            self.failed = report

    def _move(self, to: WorkerState) -> None:
        self.state = to
        if to is WorkerState.STARTING:
            # Who has shadowed was let into the standby group before, which says nothing of the seat.
            self.fence, self.has_started, self.was_admitted, self.shadows = None, True, False, None
        if to is WorkerState.SHADOWING:
            self.fence, self.seat = None, None
        if to in AT_WORK and self.at_work_since is None:
            self.at_work_since = time.monotonic()
        if to is WorkerState.RUNNING:
            self.running_since = time.monotonic()

    def status(self, slot: int, pid: int) -> WorkerStatus:
        """All of it at this moment."""
        bound, joined = self.bound, self._joined
        beat_age = time.monotonic() - self._beat_at if self._beat_at is not None else None
        heartbeat_age = self._beat.heartbeat_age
        return WorkerStatus(
            slot=slot,
            state=self.state,
            pid=pid,
            group_id=bound.group_id if bound else None,
            group_instance_id=bound.group_instance_id if bound else None,
            client_id=bound.client_id if bound else None,
            source=bound.source if bound else None,
            member_id=joined.member_id if joined else None,
            assignment=joined.assignment if joined else {},
            heartbeat_age=heartbeat_age + beat_age if heartbeat_age is not None and beat_age is not None else None,
            beat_age=beat_age,
            in_flight=self._beat.in_flight,
            may_emit=self._beat.may_emit,
            was_running=self.running_since is not None,
            has_left=self.has_left,
            fence=self.fence,
            shadowing=self.shadows.shadowing if self.shadows is not None else None,
            shadow_lags=self.shadows.lags if self.shadows is not None else {},
            rebalance=(
                Rebalance(joined.reason, joined.duration, joined.generation_id, joined.ended_ms) if joined else None
            ),
        )
