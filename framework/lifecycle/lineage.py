"""What a supervisor remembers of the processes that it had in one seat, so that the next one knows itself again."""

import time
from dataclasses import replace

from framework.exit_codes import ExitCode
from framework.identity import Incarnation
from framework.lifecycle.link import Admitted, Bound, Go, Waiting
from framework.lifecycle.observed import Observed
from framework.lifecycle.restart_policy import RestartPolicy
from framework.lifecycle.status import Fence

REMEMBERED = 32
"""Processes; the seat is held by one of the last few, if by one of ours."""


class Lineage:
    """The processes of one slot, and how often in a row they were denied their seat.

    Args:
        policy: how many attempts there are, and after how long they are forgotten.
    """

    def __init__(self, policy: RestartPolicy) -> None:
        self.attempts = 0
        """Looks and fences in a row."""
        self.fence: Fence | None = None
        """Why the next process may have to wait; None if nobody was fenced."""
        self.is_shadowed = False
        """Whether shadows watched over the last process."""
        self.bound: Bound | None = None
        """Who the last process was."""
        self._policy = policy
        self._client_ids: dict[str, None] = {}
        self._member_ids: dict[str, None] = {}
        self._fenced: Incarnation | None = None
        self._has_unanswered_join = False
        self._seat: str | None = None
        self._has_yielded = False

    def go(self, is_handover: bool = False) -> Go:
        """What to tell the next process."""
        return Go(
            is_handover,
            frozenset(self._client_ids),
            frozenset(self._member_ids),
            self._fenced,
            self.attempts,
            self._has_unanswered_join,
            self._seat,
            self._has_yielded,
            self.is_shadowed,
        )

    @property
    def announced(self) -> tuple[str, str] | None:
        """Group and seat of a process whose shadows have to be told that the next one is loading."""
        bound = self.bound
        if bound is None or bound.group_instance_id is None or not self.is_shadowed or self._has_yielded:
            return None
        return bound.group_id, bound.group_instance_id

    def waiting(self, report: Waiting) -> None:
        """Take in that a process has looked and found the seat taken."""
        self.attempts, self.fence = report.fence.attempt, report.fence

    def admitted(self, report: Admitted) -> None:
        """Take in what the broker calls a process that it has let in."""
        _remember(self._member_ids, report.member_id)

    def ended(self, process: Observed, code: int) -> None:
        """Take in how a process ended that had the seat or wanted it."""
        if process.bound is None:
            return
        self.bound = process.bound
        if process.at_work_since is not None:
            self.is_shadowed = process.was_shadowed
        # One that ended before it was at work leaves the next where it was itself.
        if process.has_yielded or process.at_work_since is not None:
            self._has_yielded = process.has_yielded
        # A seat that was taken over is held on to, unless it was lost, handed over or scaled away.
        is_lost = process.has_yielded or process.is_surplus or code == ExitCode.FENCED
        self._seat = None if is_lost else process.seat
        if process.has_started:
            self._has_unanswered_join = not process.was_admitted
        if process.running_since is not None:
            self._fenced, self.fence = None, None
            if time.monotonic() - process.running_since >= self._policy.fenced_reset_after:
                self.attempts = 0
        # It may have held the seat, and its session may go on for a while.
        _remember(self._client_ids, process.bound.client_id)
        if code == ExitCode.FENCED:
            self._fenced = process.bound.incarnation
            self.attempts += 1
            fence = self.fence or Fence("", self.attempts, self._policy.fenced_limit)
            self.fence = replace(fence, attempt=self.attempts)


def _remember(ids: dict[str, None], newest: str) -> None:
    ids[newest] = None
    while len(ids) > REMEMBERED:
        del ids[next(iter(ids))]
