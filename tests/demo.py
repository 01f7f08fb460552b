"""`scripts/demo`: starts everything, replays all flights, rolls the workers in the middle, and reports what it cost."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from apps.flights import topics
from apps.flights.clients import create_missing_topics
from apps.flights.compare import Report
from apps.flights.data import ROWS, fetch
from apps.flights.replay import ReplayPlan, replay
from apps.flights.verify import expect_replay, verify
from framework import Settings
from framework.localkafka import LocalKafka
from framework.testing import eventually
from tests.support.group_history import generations_spent
from tests.support.group_log import GroupLog

WORKERS = 3
ROLL_FROM, ROLL_ROWS, ROLL_RATE = ROWS // 2, 20_000, 1000.0
"""The rows during which the workers are rolled; they are paced, so that a standstill shows and a backlog does not."""
ROLL_AFTER = 5.0
STATISTICS = topics.changelog(topics.STATISTICS_TABLE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the demo found out; times in seconds."""

    rebalances: int
    standstill: float
    throughput: float
    seconds: float
    report: Report

    @property
    def is_as_promised(self) -> bool:
        """Nothing lost, nothing twice, no rebalance, totals equal to the file's."""
        return self.report.is_equal and self.rebalances == 0


class Reader:
    """Ends and timestamps of the input and of the table's changelog, which gets one record for each flight."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._consumer = KafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False)

    def ends(self, topic: str) -> dict[int, int]:
        """`{partition: end offset}`; empty while the topic does not exist."""
        partitions = [TopicPartition(topic, p) for p in self._consumer.partitions_for_topic(topic) or ()]
        return {tp.partition: end for tp, end in self._consumer.end_offsets(partitions).items()} if partitions else {}

    def times(self, topic: str, begin: dict[int, int], end: dict[int, int]) -> dict[int, list[float]]:
        """`{partition: creation times of its records from begin to end}`, in seconds."""
        found: dict[int, list[float]] = {partition: [] for partition in end}
        self._consumer.assign([TopicPartition(topic, partition) for partition in end])
        for partition in end:
            self._consumer.seek(TopicPartition(topic, partition), begin.get(partition, 0))
        while any(self._consumer.position(TopicPartition(topic, p)) < last for p, last in end.items()):
            for tp, records in self._consumer.poll(timeout_ms=200).items():
                found[tp.partition] += [r.timestamp / 1000 for r in records if r.offset < end[tp.partition]]
        return found


def longest_standstill(arrived: dict[int, list[float]], done: dict[int, list[float]]) -> float:
    """Longest time in which some partition had a record to process and finished none.

    Args:
        arrived: `{partition: times at which its records came}`.
        done: `{partition: times at which they were done}`, in the same order.
    """
    waits = [
        finish - max(before, start)
        for partition, starts in arrived.items()
        for start, finish, before in zip(starts, done[partition], [0.0, *done[partition]], strict=False)
    ]
    return max(waits, default=0.0)


@contextmanager
def flights_workers(bootstrap_servers: str, folder: Path) -> Any:
    """One supervisor with all workers."""
    log = folder / "workers.log"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("FRAMEWORK_")},
        "FRAMEWORK_BOOTSTRAP_SERVERS": bootstrap_servers,
        "FRAMEWORK_INSTANCE_ID": "flights",
        "FRAMEWORK_DATADIR": str(folder / "data"),
        # A restarted worker reads only the tail of its tables' changelogs.
        "FRAMEWORK_STORE": "rocksdb://",
    }
    command = [sys.executable, "-m", "framework", "run", "apps.flights:app", "--workers", str(WORKERS)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
    try:
        yield process, log
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


class Demo:
    """The acts, one after the other."""

    def __init__(self, bootstrap_servers: str, folder: Path, console: Console) -> None:
        self.settings = Settings.load(bootstrap_servers=bootstrap_servers)
        self.reader = Reader(bootstrap_servers)
        self.log = GroupLog(bootstrap_servers, topics.APP_ID)
        self.folder = folder
        self.console = console
        self.file = fetch(say=console.print)

    async def run(self) -> Outcome:
        """Play all acts."""
        await create_missing_topics(self.settings, topics.FLIGHTS, topics.ALERTS, topics.MALFORMED)
        servers = self.settings.bootstrap_servers
        with flights_workers(servers, self.folder) as (supervisor, log), self._progress() as progress:
            self._wait_for(log, "running", WORKERS)
            bar = progress.add_task("flights processed", total=ROWS)
            begun = time.monotonic()
            await self._replay(ReplayPlan(limit=ROLL_FROM))
            await self._processed(ROLL_FROM, lambda count: progress.update(bar, completed=count))
            fast = ROLL_FROM / (time.monotonic() - begun)
            before, marks = self.log.read(), (self.reader.ends(topics.FLIGHTS), self.reader.ends(STATISTICS))
            rolling = asyncio.create_task(self._roll(supervisor, progress))
            await self._replay(ReplayPlan(skip=ROLL_FROM, limit=ROLL_FROM + ROLL_ROWS, rate=ROLL_RATE))
            await rolling
            self._wait_for(log, "supervisor.rolled", 1)
            await self._processed(ROLL_FROM + ROLL_ROWS, lambda count: progress.update(bar, completed=count))
            standstill = self._standstill(*marks)
            await self._replay(ReplayPlan(skip=ROLL_FROM + ROLL_ROWS))
            await self._processed(ROWS, lambda count: progress.update(bar, completed=count))
            report = await verify(self.settings, expect_replay(self.file), wait=60.0)
            rebalances = generations_spent(self.log.read().since(before).groups)
        return Outcome(rebalances, standstill, fast, time.monotonic() - begun, report)

    async def _replay(self, plan: ReplayPlan) -> None:
        await replay(self.settings, self.file, plan)

    async def _roll(self, supervisor: "subprocess.Popen[bytes]", progress: Progress) -> None:
        await asyncio.sleep(ROLL_AFTER)
        progress.console.print(f"restarting all {WORKERS} workers, one at a time (SIGHUP to the supervisor)")
        supervisor.send_signal(signal.SIGHUP)

    async def _processed(self, count: int, tell: Callable[[int], None]) -> None:
        """Wait until `count` flights are in the table; gives up when nothing moves for a minute."""
        last, since = -1, time.monotonic()
        while (done := sum(self.reader.ends(STATISTICS).values())) < count:
            tell(done)
            if done != last:
                last, since = done, time.monotonic()
            if time.monotonic() - since > 60.0:
                return
            await asyncio.sleep(0.2)
        tell(done)

    def _standstill(self, flights: dict[int, int], statistics: dict[int, int]) -> float:
        arrived = self.reader.times(topics.FLIGHTS, flights, self.reader.ends(topics.FLIGHTS))
        return longest_standstill(arrived, self.reader.times(STATISTICS, statistics, self.reader.ends(STATISTICS)))

    def _wait_for(self, log: Path, word: str, times: int) -> None:
        eventually(lambda: log.read_text(errors="replace").count(f'"{word}"') >= times, within=60.0, every=0.1)

    def _progress(self) -> Progress:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        return Progress(*columns, console=self.console)


def show(outcome: Outcome, console: Console) -> None:
    """Print the report."""
    flights = outcome.report.flights
    table = Table(title="Three workers, all flights of 2013, each worker restarted in the middle", show_header=False)
    table.add_row("rebalances", str(outcome.rebalances))
    table.add_row("flights lost", str(outcome.report.lost))
    table.add_row("flights duplicated", str(outcome.report.duplicated))
    table.add_row("longest standstill of a partition", f"{outcome.standstill:.2f} s")
    table.add_row("throughput", f"{outcome.throughput:,.0f} flights a second")
    table.add_row("flights", f"{flights.found:,} of {flights.expected:,}")
    table.add_row("totals equal to the file", "yes" if outcome.report.is_equal else "NO")
    table.add_row("time", f"{outcome.seconds:.0f} s")
    console.print(table)


def main() -> None:
    """Play the demo; exit 0 only if all is as promised."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="framework-demo-") as folder:
        console.print("starting Apache Kafka")
        with LocalKafka.start() as kafka:
            outcome = asyncio.run(Demo(kafka.bootstrap_servers, Path(folder), console).run())
    show(outcome, console)
    sys.exit(0 if outcome.is_as_promised else 1)


if __name__ == "__main__":
    main()
