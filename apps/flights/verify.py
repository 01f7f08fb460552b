"""Compares what the app left in Kafka with totals computed straight from the file."""

import asyncio
import time
from pathlib import Path

from apps.flights.clients import open_reader
from apps.flights.compare import Expected, Report, compare, expect
from apps.flights.data import read_flights
from apps.flights.gather import Gatherer
from framework import Settings

LOOK_EVERY = 0.5
"""Seconds between two looks while waiting."""


def expect_replay(file: Path, *, limit: int | None = None, times: int = 1, malformed: int = 0) -> Expected:
    """What a replay of the file with these options must leave behind; takes some seconds for the whole file."""
    return expect(read_flights(file, limit), times=times, malformed=malformed)


async def verify(settings: Settings, expected: Expected, wait: float = 0.0) -> Report:
    """Compare Kafka with what is expected.

    Args:
        settings: where Kafka is.
        expected: see `expect_replay`.
        wait: seconds to look again and again while the two differ, as workers may not be done yet.

    Returns:
        The first report in which all is equal, else the last.

    Raises:
        BrokerUnavailableError: no broker answers.
    """
    deadline = time.monotonic() + wait
    async with open_reader(settings) as reader:
        gatherer = Gatherer(settings, reader)
        while True:
            report = compare(expected, await gatherer.catch_up())
            if report.is_equal or time.monotonic() >= deadline:
                return report
            await asyncio.sleep(LOOK_EVERY)
