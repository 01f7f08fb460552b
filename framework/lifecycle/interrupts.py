"""What the operating system sends to a supervisor or a worker, and what it means."""

import os
import signal

from framework.states import StopReason

INTERRUPTS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2})
"""What a terminal or an operator may send to a process group; blocked from the fork until a worker handles them."""

ONE_INTERRUPT = 0.1
"""Seconds within which several interrupts count as one: `timeout` signals a process and then its whole group."""


def reason_of(interrupt: int) -> StopReason:
    """Why a process stops that gets this interrupt.

    SIGINT counts as one from a terminal only where this process runs in the foreground of one: container engines and
    `kill` can send it, too, and a worker that they stop is likely to come back.
    """
    if interrupt == signal.SIGUSR2:
        return StopReason.LEAVE
    if interrupt == signal.SIGINT and _is_in_foreground():
        return StopReason.TERMINAL
    return StopReason.INTERRUPT


def _is_in_foreground() -> bool:
    for descriptor in (0, 1, 2):
        try:
            if os.tcgetpgrp(descriptor) == os.getpgrp():
                return True
        except OSError:
            continue
    return False
