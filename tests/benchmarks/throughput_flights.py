"""The flights app as it is, counted, on this framework or on plain Faust; environment as for `throughput_app`."""

import os
from importlib import import_module
from pathlib import Path
from typing import Any

import framework
from tests.benchmarks.throughput_flights_check import rename
from tests.benchmarks.throughput_making import make_app
from tests.benchmarks.throughput_meter import Meter

rename()
if os.environ.get("BENCH_PLAIN") == "1":
    # The app takes `App` from the framework's public names, and uses nothing of it that is not Faust's.
    framework.App = make_app  # type: ignore[misc,assignment]
flights = import_module("apps.flights.app")


def counted(total: int) -> Any:
    """The app's `needs_alert`, called once for each flight when its statistics are kept, with a count."""
    meter, original = Meter(Path(os.environ["BENCH_RESULT"]), total), flights.needs_alert
    seen, mark = 0, meter.first

    def needs_alert(flight: Any) -> Any:
        nonlocal seen, mark
        seen += 1
        if seen == mark:
            mark = meter.reached(seen)
        return original(flight)

    return needs_alert


flights.needs_alert = counted(int(os.environ["BENCH_TOTAL"]))
app = flights.app
