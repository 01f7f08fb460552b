"""Leases that lapse and that are regained, without a roster and a group."""

import time

from framework.streams.lease import Lease


def let_lapse(lease: Lease) -> None:
    """Have an endless lease be over."""
    lease.set_duration(60.0, time.monotonic() - 120.0)
    assert not lease.is_held()


def let_go_on(lease: Lease) -> None:
    """Have it held without an end: nobody shadows the worker any more, and both signs of life are confirmed."""
    lease.set_duration(None, time.monotonic())
    lease.entry_confirmed(time.monotonic(), time.monotonic())
    lease.heartbeat_confirmed(time.monotonic(), time.monotonic())
    assert lease.is_held()
