"""Whether a worker that stops gives its seat up; pure.

| why it stops | `auto` | `always` | `never` |
|---|---|---|---|
| Ctrl-C at a terminal | leave | leave | stay |
| asked to leave | leave | leave | stay |
| scaled down | leave | leave | stay |
| interrupt, and its number is at or above the wanted count, or it is named as surplus | leave | leave | stay |
| any other interrupt | stay | leave | stay |
| restart: a successor of the same supervisor sits down next | stay | stay | stay |
| handover or drill: a shadow sits down next | stay | stay | stay |
| supervisor gone | stay | leave | stay |

`always` means each stop after which nobody here starts the worker again; a restart is not one, and leaving in it would
move the partitions twice. A supervisor that is gone brings nobody back, though the orchestrator may: that is what
`auto` hopes for. `never` holds against orders too: whoever sets it wants a seat to end with its session, or by hand.
"""

from dataclasses import dataclass
from typing import Literal

from framework.states import StopReason

Policy = Literal["auto", "always", "never"]
"""The values of the setting `leave_policy`."""

ORDERS = frozenset({StopReason.TERMINAL, StopReason.LEAVE, StopReason.SCALED_DOWN})
"""Reasons that say by themselves that the worker is not coming back."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to leave, and why, as a clause for the log."""

    leave: bool
    why: str


def should_leave(
    policy: Policy,
    reason: StopReason,
    *,
    ordinal: int | None,
    wanted: int | None,
    is_surplus: bool,
) -> Decision:
    """Decide whether a worker leaves its group when it stops.

    Args:
        policy: the setting.
        reason: why it stops.
        ordinal: its number among its replicas, from 0 and without gaps; None where it has none.
        wanted: how many replicas there are to be; None where nothing says it.
        is_surplus: whether the last scaling named its seat as one too many.
    """
    if reason is StopReason.RESTART:
        return Decision(False, "its successor takes the seat over")
    if reason in (StopReason.HANDOVER, StopReason.DRILL):
        return Decision(False, "a shadow takes the seat over")
    if policy == "never":
        return Decision(False, f"the leave policy is never, whatever the reason ({reason})")
    if policy == "always":
        return Decision(True, "the leave policy is always")
    if reason in ORDERS:
        return Decision(True, f"it is not coming back ({reason})")
    if reason is StopReason.SUPERVISOR_GONE:
        return Decision(False, "its supervisor is gone, and may be started again")
    return _after_interrupt(ordinal, wanted, is_surplus)


def _after_interrupt(ordinal: int | None, wanted: int | None, is_surplus: bool) -> Decision:
    """An interrupt alone does not tell a restart from a scale-down; the wanted count does."""
    if is_surplus:
        return Decision(True, "its seat is surplus since the last scaling")
    if ordinal is not None and wanted is not None and ordinal >= wanted:
        return Decision(True, f"its number {ordinal} is not below the wanted count {wanted}")
    if wanted is None:
        return Decision(False, "nothing says that it is not coming back")
    if ordinal is None:
        return Decision(False, "it has no number to compare with the wanted count")
    return Decision(False, f"its number {ordinal} is below the wanted count {wanted}")
