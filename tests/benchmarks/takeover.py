"""`scripts/bench takeover`: how long a partition stands still when one of three workers dies and does not come back."""

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
from tests.benchmarks.restart import KEYS, PARTITIONS, RATE, SETTLE, fill, longest_standstill
from tests.support import topics
from tests.support.command import Finished, run_command
from tests.support.ledger import Ledger
from tests.support.load import Load
from tests.support.workers import clean_environment

DIES = WORKERS[-1]
STANDBYS = tuple(f"standby-{number}" for number in range(len(WORKERS)))
READY_WITHIN = 90.0
LOST_AFTER = 10.0
"""Seconds without an output after which what has not come out never will."""

TAKEN_OVER_WITHIN = 150.0
"""Seconds; a session of plain Faust, a rebalance, and what it reads of the changelog."""


class Stricken(Contender):
    """A contender whose workers can be taken away."""

    wanted: float | None = None
    """Seconds that a partition may stand still; None where nothing is promised."""

    def is_ready(self) -> bool:
        """Whether it is as well prepared as it ever will be."""
        return True

    @abstractmethod
    def strike(self, emitting: Collection[int]) -> Collection[int]:
        """Take workers away.

        Args:
            emitting: process ids of those that work.

        Returns:
            The process ids of those that are to work no more.
        """


class Dynamic(PlainFaust, Stricken):
    """`faust worker` as it is by default: the broker waits for the session to end, then the group rebalances."""

    name = "plain Faust, dynamic, SIGKILL"
    session = 60.0
    is_static = False

    def strike(self, emitting: Collection[int]) -> Collection[int]:
        return self.kill(DIES)


class Static(Dynamic):
    """The same with an instance id."""

    name = "plain Faust, static, SIGKILL"
    is_static = True


class Protected(Replaced, Stricken):
    """`framework run` with a standby for each seat."""

    failover_after = 3.0

    def start(self) -> None:
        super().start()
        for standby in STANDBYS:
            self._spawn(standby, ["framework", "run", f"{APP}:app", "--role", "standby"], **self._ours(standby))

    def is_ready(self) -> bool:
        return self.command("status", "--check").code == 0

    def strike(self, emitting: Collection[int]) -> Collection[int]:
        return self.kill(DIES)

    def command(self, *arguments: str) -> Finished:
        """Run `framework standby ...` for this group."""
        environment = {**clean_environment(), "FRAMEWORK_BOOTSTRAP_SERVERS": self.bootstrap_servers}
        return run_command(("standby", *arguments, "--group", self.group_id), environment, within=TAKEN_OVER_WITHIN)

    def _ours(self, instance: str) -> dict[str, str]:
        return {**super()._ours(instance), "FRAMEWORK_FAILOVER_AFTER": str(self.failover_after)}


class AfterThree(Protected):
    """The default."""

    name = "standbys, failover_after=3, SIGKILL"
    wanted = 3.7


class AfterOne(Protected):
    """As soon as is sensible."""

    name = "standbys, failover_after=1, SIGKILL"
    failover_after = 1.0
    wanted = 1.7


class Handover(Protected):
    """Every seat is handed over on purpose, one after the other."""

    name = "standbys, planned handover of all seats"
    wanted = 0.3

    def strike(self, emitting: Collection[int]) -> Collection[int]:
        done = self.command("handover", "--all")
        assert done.code == 0, done.output
        return emitting


CONTENDERS: tuple[type[Stricken], ...] = (Dynamic, Static, AfterThree, AfterOne, Handover)


@dataclass(frozen=True, slots=True)
class Result:
    """One row: the longest time in seconds in which some partition emitted nothing; records twice and never.

    `wanted` is what it should have been at most, in seconds; None where nothing is promised.
    """

    contender: str
    standstill: float
    wanted: float | None
    duplicates: int
    lost: int


def measure(kind: type[Stricken], broker: str) -> Result:
    """Fill a table of `KEYS` keys, put three workers under load, and take from them what the contender says."""
    group_id = f"bench-{uuid.uuid4().hex[:8]}"
    topics.create_topics(broker, {f"{group_id}-in": PARTITIONS, f"{group_id}-out": 1})
    contender, ledger = kind(group_id, broker, table=True), Ledger(broker, f"{group_id}-out")
    load = Load(broker, f"{group_id}-in", PARTITIONS, RATE)
    try:
        contender.start()
        fill(broker, f"{group_id}-in", ledger)
        load.start()
        eventually(lambda: len(_emitting(ledger, time.monotonic() - SETTLE)) == len(WORKERS), within=READY_WITHIN)
        eventually(contender.is_ready, within=READY_WITHIN, every=0.5)
        time.sleep(SETTLE)
        begun = time.monotonic()
        gone = contender.strike(_emitting(ledger, begun - SETTLE))
        eventually(lambda: _is_whole_again(ledger, begun, gone), within=TAKEN_OVER_WITHIN)
        time.sleep(SETTLE)
        ended = time.monotonic()
        wanted = {acked.uuid for acked in load.stop()}
        _await_backlog(ledger, wanted)
    finally:
        load.stop()
        contender.close()
    outputs = ledger.outputs()
    ledger.close()
    # What filled the table is not counted: plain Faust does not always read all of that, which has other causes.
    seen = [o.uuid for o in outputs if o.uuid in wanted]
    standstill = longest_standstill(outputs, begun, ended)
    return Result(kind.name, standstill, kind.wanted, len(seen) - len(set(seen)), len(wanted - set(seen)))


def _emitting(ledger: Ledger, since: float) -> set[int]:
    """Process ids of those that have emitted since then; none while some partition has not."""
    outputs = [o for o in ledger.outputs() if o.arrived > since]
    return {o.pid for o in outputs} if len({o.partition for o in outputs}) == PARTITIONS else set()


def _is_whole_again(ledger: Ledger, since: float, without: Collection[int]) -> bool:
    """Whether every partition has had an output since then by processes that are not gone."""
    return len({o.partition for o in ledger.outputs() if o.arrived > since and o.pid not in without}) == PARTITIONS


def _await_backlog(ledger: Ledger, wanted: Collection[str]) -> None:
    """Wait until everything has come out, or nothing has for a while: what is late is not lost."""
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < LOST_AFTER:
        found = len({o.uuid for o in ledger.outputs()}.intersection(wanted))
        if found == len(wanted):
            return
        if found != seen:
            seen, since = found, time.monotonic()
        time.sleep(0.2)


def main() -> None:
    """Measure everything and print the table, also as JSON."""
    console = Console(width=110)
    results = []
    with LocalKafka.start(nodes=1) as kafka:
        for kind in CONTENDERS:
            with console.status(kind.name):
                results.append(measure(kind, kafka.bootstrap_servers))
            console.print(f"{kind.name}: {results[-1].standstill:.2f} s")
    shown = Table("contender", "longest standstill (s)", "wanted (s)", "duplicates", "lost", title=f"{KEYS:,} keys")
    for row in results:
        wanted = "-" if row.wanted is None else f"{row.wanted:.1f}"
        shown.add_row(row.contender, f"{row.standstill:.2f}", wanted, str(row.duplicates), str(row.lost))
    console.print(shown)
    console.print_json(data={"rows": [asdict(row) for row in results]})


if __name__ == "__main__":
    main()
