"""`scripts/bench restart`: how long a partition stands still while three static workers are restarted one by one."""

import json
import time
import uuid
from collections import defaultdict
from dataclasses import asdict, dataclass
from itertools import pairwise

from aiokafka import AIOKafkaProducer
from rich.console import Console
from rich.table import Table

from framework.localkafka import LocalKafka
from framework.testing import eventually
from tests.benchmarks.contenders import Contender, Hup, PlainFaust, Replaced
from tests.support import topics
from tests.support.figures import Output
from tests.support.ledger import Ledger
from tests.support.load import Load

PARTITIONS = 8
RATE = 200.0
KEYS = 100_000
SETTLE = 3.0


@dataclass(frozen=True, slots=True)
class Result:
    """One row: the longest time in seconds in which some partition emitted nothing; those twice and never."""

    contender: str
    table: bool
    standstill: float
    duplicates: int
    lost: int


@dataclass(frozen=True, slots=True)
class Supervisor:
    """What the parent process costs while its workers are idle: MB that are its own, percent of one core."""

    private_mb: float
    cpu_percent: float


def longest_standstill(outputs: list[Output], begun: float, ended: float) -> float:
    """Longest gap between two outputs of one partition within a window of monotonic seconds."""
    times = defaultdict(lambda: [begun])
    for output in outputs:
        if begun <= output.arrived <= ended:
            times[output.partition].append(output.arrived)
    assert len(times) == PARTITIONS, f"only partitions {sorted(times)} emitted"
    return max(later - earlier for series in times.values() for earlier, later in pairwise(series))


def measure(kind: type[Contender], broker: str, *, table: bool) -> tuple[Result, Supervisor | None]:
    """Run one contender through a rolling restart under load."""
    group_id = f"bench-{uuid.uuid4().hex[:8]}"
    topics.create_topics(broker, {f"{group_id}-in": PARTITIONS, f"{group_id}-out": 1})
    contender, ledger = kind(group_id, broker, table=table), Ledger(broker, f"{group_id}-out")
    load = Load(broker, f"{group_id}-in", PARTITIONS, RATE)
    supervisor = None
    try:
        contender.start()
        if table:
            fill(broker, f"{group_id}-in", ledger)
        load.start()
        eventually(lambda: len({o.partition for o in ledger.outputs()}) == PARTITIONS, within=90.0)
        time.sleep(SETTLE)

        def wait_for_output_of(worker: str, since: float) -> None:
            old = {o.pid for o in ledger.outputs() if o.worker == worker and o.emitted < since}
            eventually(
                lambda: any(o.worker == worker and o.pid not in old for o in ledger.outputs()[-500:]), within=60.0
            )

        begun = time.monotonic()
        contender.roll(wait_for_output_of)
        time.sleep(SETTLE)
        ended = time.monotonic()
        load.stop()
        time.sleep(1.0)
        if isinstance(contender, Hup):
            supervisor = _cost_of(contender)
    finally:
        load.stop()
        contender.close()
    outputs = ledger.outputs()
    ledger.close()
    seen = {o.uuid for o in outputs}
    wanted = {acked.uuid for acked in load.stop()} | ({f"fill-{n}" for n in range(KEYS)} if table else set())
    standstill = longest_standstill(outputs, begun, ended)
    return Result(kind.name, table, standstill, len(outputs) - len(seen), len(wanted - seen)), supervisor


def fill(broker: str, topic: str, ledger: Ledger) -> None:
    """Put `KEYS` keys into the table and wait until no more come out: plain Faust does not always read all of them."""
    import asyncio

    async def send() -> None:
        async with AIOKafkaProducer(bootstrap_servers=broker, linger_ms=20) as producer:
            for number in range(KEYS):
                value = {"p": number % PARTITIONS, "seq": number, "uuid": f"fill-{number}"}
                await producer.send(
                    topic, json.dumps(value).encode(), key=b"k%d" % number, partition=number % PARTITIONS
                )

    asyncio.run(send())
    seen, since = -1, time.monotonic()
    while seen < KEYS and time.monotonic() - since < 10.0:
        if len(ledger.outputs()) != seen:
            seen, since = len(ledger.outputs()), time.monotonic()
        time.sleep(0.2)


def _cost_of(contender: Hup) -> Supervisor:
    process = contender.supervisor()
    before, begun = process.cpu_times(), time.monotonic()
    time.sleep(10.0)
    after, seconds = process.cpu_times(), time.monotonic() - begun
    used = after.user + after.system - before.user - before.system
    return Supervisor(process.memory_full_info().uss / 1e6, 100 * used / seconds)


def main() -> None:
    """Measure everything and print the table, also as JSON."""
    console = Console(width=110)
    results, cost = [], None
    with LocalKafka.start(nodes=1) as kafka:
        for table in (False, True):
            for kind in (PlainFaust, Replaced, Hup):
                with console.status(f"{kind.name}{', 100,000 keys on RocksDB' if table else ''}"):
                    result, found = measure(kind, kafka.bootstrap_servers, table=table)
                results.append(result)
                console.print(f"{result.contender}{', table' if table else ''}: {result.standstill:.2f} s")
                cost = cost or found
    shown = Table("contender", "table", "longest standstill (s)", "duplicates", "lost")
    for row in results:
        name = "100,000 keys" if row.table else "-"
        shown.add_row(row.contender, name, f"{row.standstill:.2f}", str(row.duplicates), str(row.lost))
    console.print(shown)
    if cost is not None:
        console.print(f"supervisor: {cost.private_mb:.1f} MB private, {cost.cpu_percent:.2f} % of a core while idle")
    console.print_json(data={"rows": [asdict(r) for r in results], "supervisor": asdict(cost) if cost else None})


if __name__ == "__main__":
    main()
