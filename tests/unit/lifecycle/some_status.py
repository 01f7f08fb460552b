"""A supervisor's status as a test wants it."""

from dataclasses import replace
from typing import Any

from framework.lifecycle.status import Rebalance, Status, WorkerStatus
from framework.states import WorkerState


def running(slot: int = 0, **changes: Any) -> WorkerStatus:
    """A worker with which all is well."""
    well = WorkerStatus(
        slot=slot,
        state=WorkerState.RUNNING,
        pid=100 + slot,
        group_id="flights",
        group_instance_id=f"flights-{slot}",
        client_id=f"flights-{slot}@box#1700000000000-ab12",
        source="FRAMEWORK_ORDINAL",
        member_id=f"flights-{slot}-member",
        assignment={"positions": (0, 3)},
        heartbeat_age=0.4,
        beat_age=0.6,
        was_running=True,
        rebalance=Rebalance("first join", 0.31, 7, 1_700_000_000_500),
    )
    return replace(well, **changes)


def ended(slot: int = 0, *, has_left: bool) -> WorkerStatus:
    """A worker that has ended for good."""
    return running(slot, state=WorkerState.STOPPED, pid=None, has_ended=True, has_left=has_left)


def status_of(*workers: WorkerStatus, **changes: Any) -> Status:
    """A supervisor of these workers."""
    usual = Status(
        target="apps.flights:app",
        pid=99,
        host="box",
        role="primary",
        uptime=12.5,
        is_stopping=False,
        session_timeout=45.0,
        workers=workers,
    )
    return replace(usual, **changes)
