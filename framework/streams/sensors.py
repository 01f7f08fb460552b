"""Which sensors can be told of many records at once; reading, sending and tables share it."""

import sys
from collections.abc import Iterable
from typing import Any

from faust.sensors.monitor import Monitor

HEARS_EACH = "a sensor other than Faust's Monitor and PrometheusMonitor has a call for each record"
"""Said by whoever meets such a one first, of those who read and those who send."""


def can_hear_of_many(sensors: Iterable[Any]) -> bool:
    """Whether all of them are those two themselves, not classes made of them, whose numbers we can add to."""
    return all(type(sensor) is Monitor or is_prometheus(sensor) for sensor in sensors)


def is_prometheus(sensor: Any) -> bool:
    """Whether it is Faust's `PrometheusMonitor` itself."""
    # The module cannot be imported where Prometheus's client is not installed; then there is no such sensor either.
    module = sys.modules.get("faust.sensors.prometheus")
    return module is not None and type(sensor) is getattr(module, "PrometheusMonitor", None)
