"""The same cases on Quix Streams as shipped, with the app's environment; run by the python that has it.

That python knows nothing of this project: all that is imported of it is the meter beside this file.
"""

import os
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from quixstreams import Application

# The virtual environment knows the folder of this script alone.
sys.path.insert(0, str(Path(__file__).parent))
from throughput_meter import Meter  # type: ignore[import-not-found]

ROUNDS = 15
TEXT = b"t" * 64


class Count:
    """Counts the records that pass."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._seen, self._mark = 0, meter.first

    def __call__(self, _value: Any) -> None:
        self._seen += 1
        if self._seen == self._mark:
            self._mark = self._meter.reached(self._seen)


class Compute(Count):
    """Has something to compute."""

    def __call__(self, value: Any) -> None:
        for _ in range(ROUNDS):
            sha256(TEXT).digest()
        super().__call__(value)


class Table(Count):
    """Counts by key."""

    def __call__(self, value: Any, state: Any = None) -> None:
        state.set("total", state.get("total", 0) + 1)
        super().__call__(value)


def main() -> None:
    """Run one case until SIGTERM."""
    env = os.environ
    meter = Meter(Path(env["BENCH_RESULT"]), int(env["BENCH_TOTAL"]))
    app = Application(
        broker_address=env["FRAMEWORK_BOOTSTRAP_SERVERS"],
        consumer_group=env["BENCH_GROUP"],
        auto_offset_reset="earliest",
        state_dir=env["FRAMEWORK_DATADIR"],
        loglevel="WARNING",
    )
    frame = app.dataframe(app.topic(env["BENCH_TOPIC"], value_deserializer="json"))
    match env["BENCH_AGENT"]:
        case "forward":
            frame.to_topic(app.topic(f"{env['BENCH_GROUP']}-out", value_serializer="json")).update(Count(meter))
        case "table":
            frame.update(Table(meter), stateful=True)
        case "body":
            frame.update(Compute(meter))
        case _:
            frame.update(Count(meter))
    app.run()


if __name__ == "__main__":
    main()
