"""`scripts/bench scale`: how long a partition stands still when one of three static workers goes for good."""

import signal
import time
import uuid
from abc import abstractmethod
from collections.abc import Collection
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from framework.localkafka import LocalKafka
from framework.testing import eventually
from tests.benchmarks.contenders import APP, WORKERS, Contender, PlainFaust, Replaced
from tests.benchmarks.restart import PARTITIONS, RATE, SETTLE, longest_standstill
from tests.support import topics
from tests.support.command import run_command
from tests.support.ledger import Ledger
from tests.support.load import Load
from tests.support.workers import clean_environment

GOES = WORKERS[-1]
TAKEN_OVER_WITHIN = 120.0
"""Seconds; twice the session that plain Faust's seat is kept for."""


class Leaver(Contender):
    """A contender whose last worker can go for good."""

    @abstractmethod
    def go(self) -> None:
        """Let it go; may return before it has."""


class Stopped(PlainFaust, Leaver):
    """`faust worker` with Faust's own session timeout; nothing but a stop is to be had."""

    name = "plain Faust, SIGTERM"
    session = 60.0

    def go(self) -> None:
        self.processes[GOES].send_signal(signal.SIGTERM)


class Asked(Replaced, Leaver):
    """`framework run`, and the one worker is asked to leave."""

    name = "this framework, SIGUSR2"

    def go(self) -> None:
        self.processes[GOES].send_signal(signal.SIGUSR2)


class Scaled(Replaced, Leaver):
    """`framework run`, and the group is scaled."""

    name = "this framework, scale --to 2"

    def go(self) -> None:
        environment = {
            **clean_environment(),
            "BENCH_GROUP": self.group_id,
            "FRAMEWORK_BOOTSTRAP_SERVERS": self.bootstrap_servers,
        }
        done = run_command(("scale", f"{APP}:app", "--to", str(len(WORKERS) - 1)), environment, within=60.0)
        assert done.code == 0, done.output


CONTENDERS = (Stopped, Asked, Scaled)


@dataclass(frozen=True, slots=True)
class Result:
    """One row: the longest time in seconds in which some partition emitted nothing; records twice and never."""

    contender: str
    standstill: float
    duplicates: int
    lost: int


def measure(kind: type[Leaver], broker: str) -> Result:
    """Let the last of three workers go for good, under load."""
    group_id = f"bench-{uuid.uuid4().hex[:8]}"
    topics.create_topics(broker, {f"{group_id}-in": PARTITIONS, f"{group_id}-out": 1})
    contender, ledger = kind(group_id, broker, table=False), Ledger(broker, f"{group_id}-out")
    load = Load(broker, f"{group_id}-in", PARTITIONS, RATE)
    try:
        contender.start()
        load.start()
        eventually(lambda: {o.worker for o in ledger.outputs()} == set(WORKERS), within=90.0)
        eventually(lambda: _emitting(ledger, time.monotonic() - SETTLE), within=30.0)
        begun = time.monotonic()
        gone = {o.pid for o in ledger.outputs() if o.worker == GOES}
        contender.go()
        eventually(lambda: _emitting(ledger, begun, without=gone), within=TAKEN_OVER_WITHIN)
        time.sleep(SETTLE)
        ended = time.monotonic()
        wanted = {acked.uuid for acked in load.stop()}
        time.sleep(1.0)
    finally:
        load.stop()
        contender.close()
    outputs = ledger.outputs()
    ledger.close()
    seen = {o.uuid for o in outputs}
    standstill = longest_standstill(outputs, begun, ended)
    return Result(kind.name, standstill, len(outputs) - len(seen), len(wanted - seen))


def _emitting(ledger: Ledger, since: float, without: Collection[int] = ()) -> bool:
    """Whether every partition has had an output since then, by other processes than `without`."""
    emitting = {o.partition for o in ledger.outputs() if o.arrived > since and o.pid not in without}
    return len(emitting) == PARTITIONS


def main() -> None:
    """Measure everything and print the table, also as JSON."""
    console = Console(width=110)
    results = []
    with LocalKafka.start(nodes=1) as kafka:
        for kind in CONTENDERS:
            with console.status(kind.name):
                results.append(measure(kind, kafka.bootstrap_servers))
            console.print(f"{kind.name}: {results[-1].standstill:.2f} s")
    shown = Table("contender", "longest standstill (s)", "duplicates", "lost")
    for row in results:
        shown.add_row(row.contender, f"{row.standstill:.2f}", str(row.duplicates), str(row.lost))
    console.print(shown)
    console.print_json(data={"rows": [asdict(row) for row in results]})


if __name__ == "__main__":
    main()
