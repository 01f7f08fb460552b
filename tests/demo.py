"""`scripts/demo`: starts everything, replays all flights while the workers are disturbed in turn, and reports."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

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
from tests.support.probes import ask

WORKERS = 3
CALM_ROWS = ROWS // 2
"""The rows of the first act, at full speed and undisturbed; the throughput is taken from them."""
RATE = 1000.0
"""Rows a second while the workers are disturbed, so that a standstill shows and a backlog does not."""
DISTURB_AFTER = 2.0
ALERTS_TWICE = 200
"""Alerts that may be sent twice in all acts in which processes end without notice: outputs are at least once."""
STATISTICS = topics.changelog(topics.STATISTICS_TABLE)


@dataclass(frozen=True, slots=True)
class Act:
    """One way to disturb the workers, and what it may cost.

    Attributes:
        title: what happens.
        rows: how many are replayed meanwhile.
        disturb: does it; returns when the workers are settled again.
        rebalances: how many it must make.
    """

    title: str
    rows: int
    disturb: Callable[[], None]
    rebalances: int = 0


@dataclass(frozen=True, slots=True)
class Cost:
    """What an act has cost; the standstill in seconds."""

    act: Act
    rebalances: int
    standstill: float
    duplicates: int

    @property
    def is_as_promised(self) -> bool:
        """Whether it is what the act may cost; no flight may be counted twice, however a process ends."""
        return self.rebalances == self.act.rebalances and not self.duplicates


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the demo found out; times in seconds.

    Attributes:
        costs: of each act.
        throughput: flights a second while nothing is disturbed.
        seconds: all of it.
        exact: all that is in Kafka after the acts that must not repeat anything.
        final: all that is in Kafka at the end.
    """

    costs: tuple[Cost, ...]
    throughput: float
    seconds: float
    exact: Report
    final: Report

    @property
    def duplicated(self) -> int:
        """Flights that were counted twice."""
        return sum(cost.duplicates for cost in self.costs)

    @property
    def is_as_promised(self) -> bool:
        """Nothing lost, no flight counted twice, and no alert sent twice but for the kills."""
        return self.exact.is_equal and self.has_exact_totals and all(cost.is_as_promised for cost in self.costs)

    @property
    def has_exact_totals(self) -> bool:
        """Whether the tables say what the file says, after all acts."""
        final = self.final
        is_exact = not (final.differences or final.lost or final.flights.duplicated)
        return is_exact and final.alerts.duplicated <= ALERTS_TWICE


class Reader:
    """Ends and timestamps of the input, and when flights were counted, by the changelog of the carriers' statistics.

    A record of the changelog holds a carrier's totals, so it tells of as many flights as `flights` has grown by.
    """

    def __init__(self, bootstrap_servers: str) -> None:
        self._consumer = KafkaConsumer(
            bootstrap_servers=bootstrap_servers, group_id=topics.APP_ID, enable_auto_commit=False
        )
        self._counted: dict[bytes, int] = {}
        self._read: dict[int, int] = {}

    def ends(self, topic: str) -> dict[int, int]:
        """`{partition: end offset}`; empty while the topic does not exist."""
        partitions = [TopicPartition(topic, p) for p in self._consumer.partitions_for_topic(topic) or ()]
        return {tp.partition: end for tp, end in self._consumer.end_offsets(partitions).items()} if partitions else {}

    def committed(self) -> int:
        """Flights that the group has committed."""
        partitions = [TopicPartition(topics.FLIGHTS, p) for p in self.ends(topics.FLIGHTS)]
        return sum(self._consumer.committed(tp) or 0 for tp in partitions)

    def times(self, topic: str, begin: dict[int, int], end: dict[int, int]) -> dict[int, list[float]]:
        """`{partition: creation times of its records from begin to end}`, in seconds."""
        found: dict[int, list[float]] = {partition: [] for partition in end}
        for record in self._records(topic, begin, end):
            found[record.partition].append(record.timestamp / 1000)
        return found

    def counted(self, begin: dict[int, int], end: dict[int, int]) -> dict[int, list[float]]:
        """`{partition: times at which flights of it were counted}`, one for each, in seconds."""
        found: dict[int, list[float]] = {partition: [] for partition in end}
        for record in self._records(STATISTICS, self._read, end):
            flights = json.loads(record.value)["flights"]
            grown = flights - self._counted.get(record.key, 0)
            self._counted[record.key] = flights
            if record.offset >= begin.get(record.partition, 0):
                found[record.partition] += [record.timestamp / 1000] * grown
        self._read = dict(end)
        return found

    def _records(self, topic: str, begin: dict[int, int], end: dict[int, int]) -> Iterator[Any]:
        self._consumer.assign([TopicPartition(topic, partition) for partition in end])
        for partition in end:
            self._consumer.seek(TopicPartition(topic, partition), begin.get(partition, 0))
        while any(self._consumer.position(TopicPartition(topic, p)) < last for p, last in end.items()):
            for tp, records in self._consumer.poll(timeout_ms=200).items():
                yield from (record for record in records if record.offset < end[tp.partition])


def longest_standstill(arrived: dict[int, list[float]], done: dict[int, list[float]]) -> float:
    """Longest time in which some partition had a record to process and finished none.

    Args:
        arrived: `{partition: times at which its records came}`.
        done: `{partition: times at which records of it were done}`, more of them where some were done twice.
    """
    waits = [
        finish - max(before, start)
        for partition, starts in arrived.items()
        for start, finish, before in zip(starts, done[partition], [0.0, *done[partition]], strict=False)
    ]
    return max(waits, default=0.0)


class Workers:
    """One `framework run` of the flights app.

    Args:
        name: of its log.
        instance_id: of its only worker, or the first part of the ids of several.
        workers: how many.
        role: primary or standby.
    """

    def __init__(
        self, bootstrap_servers: str, folder: Path, name: str, instance_id: str, workers: int, role: str = "primary"
    ) -> None:
        self._log = folder / f"{name}.log"
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("FRAMEWORK_")},
            "FRAMEWORK_BOOTSTRAP_SERVERS": bootstrap_servers,
            "FRAMEWORK_INSTANCE_ID": instance_id,
            "FRAMEWORK_DATADIR": str(folder / "data"),
            # A restarted worker reads only the tail of its tables' changelogs.
            "FRAMEWORK_STORE": "rocksdb://",
            "FRAMEWORK_ROLE": role,
        }
        command = [sys.executable, "-m", "framework", "run", "apps.flights:app", "--workers", str(workers)]
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                command, env=environment, stdout=output, stderr=output, start_new_session=True
            )

    @classmethod
    @contextmanager
    def running(
        cls, bootstrap_servers: str, folder: Path, name: str, instance_id: str, workers: int, role: str = "primary"
    ) -> Iterator[Self]:
        """Start them, wait until all run or shadow, and stop them at the end."""
        started = cls(bootstrap_servers, folder, name, instance_id, workers, role)
        try:
            started.all_in("running" if role == "primary" else "shadowing")
            yield started
        finally:
            started.stop()

    def status(self) -> list[dict[str, Any]]:
        """Each worker as the supervisor knows it."""
        line = eventually(lambda: self._said("supervisor.serving"), within=60.0)
        return list(ask(json.loads(line)["url"], "/status").body["workers"])

    def all_in(self, state: str, within: float = 60.0) -> None:
        """Wait until every worker that has not ended is in a state."""
        eventually(
            lambda: all(worker["state"] == state for worker in self.status() if not worker["has_ended"]),
            within=within,
            every=0.1,
        )

    def rolled(self, within: float = 60.0) -> None:
        """Wait until the workers have been replaced."""
        eventually(lambda: self._said("supervisor.rolled"), within=within)

    def send(self, interrupt: signal.Signals) -> None:
        """Signal the supervisor."""
        self._process.send_signal(interrupt)

    def kill(self) -> None:
        """SIGKILL all of it for good, the supervisor first, so that it starts nothing again."""
        workers = [worker["pid"] for worker in self.status() if worker["pid"] is not None]
        self._process.kill()
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and wait."""
        if self._process.poll() is None:
            self.send(signal.SIGTERM)
        self._process.wait(40)

    def _said(self, event: str) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return next((line for line in lines if f'"event": "{event}"' in line), "")


class Demo:
    """The acts, one after the other."""

    def __init__(self, bootstrap_servers: str, folder: Path, console: Console) -> None:
        self.settings = Settings.load(bootstrap_servers=bootstrap_servers)
        self.reader = Reader(bootstrap_servers)
        self.log = GroupLog(bootstrap_servers, topics.APP_ID)
        self.folder = folder
        self.console = console
        self.file = fetch(say=console.print)
        self._rows = 0
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console)
        self._bar = self._progress.add_task("flights processed", total=ROWS)

    async def run(self) -> Outcome:
        """Play all acts."""
        await create_missing_topics(self.settings, topics.FLIGHTS, topics.ALERTS, topics.MALFORMED)
        with (
            self._workers("workers", topics.APP_ID, WORKERS) as workers,
            self._workers("spares", "standby", WORKERS - 1, "standby") as spares,
            self._progress,
        ):
            begun = time.monotonic()
            await self._replay(CALM_ROWS)
            throughput = CALM_ROWS / (time.monotonic() - begun)
            costs = [await self._play(act) for act in self._orderly(workers)]
            exact = await verify(self.settings, expect_replay(self.file, limit=self._rows), wait=60.0)
            costs += [await self._play(act) for act in self._disorderly(workers, spares)]
            await self._replay(ROWS - self._rows)
            final = await verify(self.settings, expect_replay(self.file))
        return Outcome(tuple(costs), throughput, time.monotonic() - begun, exact, final)

    def _orderly(self, workers: Workers) -> list[Act]:
        """Acts in which nothing may be done twice."""
        return [
            Act("all workers restarted, one at a time (SIGHUP)", 15_000, lambda: roll(workers)),
            Act("scaled from three to two (framework scale)", 8_000, self._scale, rebalances=1),
        ]

    def _disorderly(self, workers: Workers, spares: Workers) -> list[Act]:
        """Acts in which a process ends without notice."""
        return [
            Act("a double of one worker comes and goes", 12_000, self._double),
            Act("a worker killed (SIGKILL), and back", 8_000, lambda: kill_one(workers)),
            Act("all workers killed for good (SIGKILL), spares in their seats", 10_000, lambda: bury(workers, spares)),
        ]

    def _scale(self) -> None:
        self._command("scale", "--to", str(WORKERS - 1))

    def _command(self, *arguments: str) -> None:
        name, *rest = arguments
        command = [sys.executable, "-m", "framework", name, "apps.flights:app", *rest]
        environment = {**os.environ, "FRAMEWORK_BOOTSTRAP_SERVERS": self.settings.bootstrap_servers}
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)

    def _double(self) -> None:
        """The double sits down, because it is newer; what it replaced waits, and takes over when it goes."""
        with self._workers("double", f"{topics.APP_ID}-1", 1):
            time.sleep(2.0)

    async def _play(self, act: Act) -> Cost:
        """Replay rows at a steady pace, disturb the workers meanwhile, and see what it has cost."""
        self._progress.console.print(act.title)
        before = self.log.read()
        flights, statistics = self.reader.ends(topics.FLIGHTS), self.reader.ends(STATISTICS)
        disturbing = asyncio.create_task(self._disturb(act))
        await self._replay(act.rows, RATE)
        await disturbing
        await self._processed()
        after_flights, after_statistics = self.reader.ends(topics.FLIGHTS), self.reader.ends(STATISTICS)
        arrived = self.reader.times(topics.FLIGHTS, flights, after_flights)
        done = self.reader.counted(statistics, after_statistics)
        return Cost(
            act,
            generations_spent(self.log.read().since(before).groups),
            longest_standstill(arrived, done),
            sum(map(len, done.values())) - sum(map(len, arrived.values())),
        )

    async def _disturb(self, act: Act) -> None:
        await asyncio.sleep(DISTURB_AFTER)
        await asyncio.to_thread(act.disturb)

    async def _replay(self, rows: int, rate: float | None = None) -> None:
        """Send the next rows, and wait until they are processed."""
        plan = ReplayPlan(skip=self._rows, limit=self._rows + rows, rate=rate)
        sending = asyncio.create_task(replay(self.settings, self.file, plan))
        while not sending.done():
            self._progress.update(self._bar, completed=self.reader.committed())
            await asyncio.wait([sending], timeout=0.5)
        await sending
        self._rows += rows
        if rate is None:
            await self._processed()

    async def _processed(self) -> None:
        """Wait until all that was sent is committed; gives up when nothing moves for a minute."""
        last, since = -1, time.monotonic()
        while (done := self.reader.committed()) < self._rows and time.monotonic() - since < 60.0:
            if done != last:
                last, since = done, time.monotonic()
            self._progress.update(self._bar, completed=done)
            await asyncio.sleep(0.2)
        self._progress.update(self._bar, completed=done)

    def _workers(
        self, name: str, instance_id: str, workers: int, role: str = "primary"
    ) -> AbstractContextManager[Workers]:
        return Workers.running(self.settings.bootstrap_servers, self.folder, name, instance_id, workers, role)


def roll(workers: Workers) -> None:
    """Restart all workers, one at a time."""
    workers.send(signal.SIGHUP)
    workers.rolled()


def kill_one(workers: Workers) -> None:
    """Kill one worker and wait until its supervisor has started another one in its place."""
    victim = workers.status()[0]["pid"]
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: workers.status()[0]["pid"] not in (victim, None), within=30.0)
    workers.all_in("running")


def bury(workers: Workers, spares: Workers) -> None:
    """Kill all primary workers with their supervisor; nobody starts them again, and the spares sit down."""
    workers.kill()
    spares.all_in("running", within=30.0)


def show(outcome: Outcome, console: Console) -> None:
    """Print the report."""
    acts = Table("act", "rebalances", "longest standstill", "counted twice", title="What each act has cost")
    for cost in outcome.costs:
        acts.add_row(cost.act.title, str(cost.rebalances), f"{cost.standstill:.2f} s", str(cost.duplicates))
    console.print(acts)
    flights = outcome.final.flights
    table = Table(title="Three workers and two spares, all flights of 2013", show_header=False)
    table.add_row("flights lost", str(outcome.final.lost))
    table.add_row("flights counted twice", str(outcome.duplicated))
    table.add_row("longest standstill of a partition", f"{max(cost.standstill for cost in outcome.costs):.2f} s")
    table.add_row("throughput", f"{outcome.throughput:,.0f} flights a second")
    table.add_row("flights", f"{flights.found:,} of {flights.expected:,}")
    table.add_row("alerts sent twice, where processes ended without notice", str(outcome.final.alerts.duplicated))
    table.add_row("totals equal to the file", yes(outcome.has_exact_totals))
    table.add_row("all as promised", yes(outcome.is_as_promised))
    table.add_row("time", f"{outcome.seconds:.0f} s")
    console.print(table)


def yes(is_true: bool) -> str:
    """A truth for a person."""
    return "yes" if is_true else "NO"


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
