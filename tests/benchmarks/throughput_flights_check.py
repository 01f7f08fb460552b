"""The flights app under other names, and the comparison of what it left with the file, as a command of its own.

BENCH_GROUP   id of the app
BENCH_TOPIC   input
BENCH_TOTAL   flights in it
"""

import asyncio
import os
import sys

from apps.flights import topics

WAIT = 20.0
"""Seconds for what a stopped worker has sent to be seen."""


def rename() -> None:
    """Give the app and its topics names of this run's own; to be called before anything else of it is imported."""
    topics.APP_ID = os.environ["BENCH_GROUP"]
    topics.FLIGHTS = os.environ["BENCH_TOPIC"]
    topics.ALERTS = f"{topics.APP_ID}-alerts"
    topics.MALFORMED = f"{topics.APP_ID}-malformed"


def main() -> None:
    """Exit 0 if tables and alerts equal the file, else print what differs."""
    rename()
    from apps.flights.data import fetch
    from apps.flights.verify import expect_replay, verify
    from framework import Settings

    expected = expect_replay(fetch(), limit=int(os.environ["BENCH_TOTAL"]))
    report = asyncio.run(verify(Settings.load(), expected, WAIT))
    if not report.is_equal:
        sys.exit(f"the flights differ from the file: {report}")


if __name__ == "__main__":
    main()
