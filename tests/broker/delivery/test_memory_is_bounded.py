"""What waits in a worker is bounded, whatever waits in the topics, and however long the brokers take nothing."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from framework.localkafka import LocalKafka
from framework.testing import eventually
from tests.support.both_paths import PathWorker, Starter
from tests.support.both_paths_broker import BrokerSide
from tests.support.both_paths_bulk import write

pytestmark = pytest.mark.broker

MB = 1_000_000
SIZE = 2000
EACH = 20_000
"""Records a partition: 160 MB in two topics of two partitions."""

MOST = 60
"""MB; two streams may keep 16 MB of values each, and the client what it has fetched of four partitions."""

MOST_ON_THE_WAY = 20
"""MB; three of them are records that wait for the brokers."""

SECONDS = 4.0


def resident(worker: PathWorker) -> float:
    """MB of RAM that a worker has now."""
    (line,) = (line for line in Path(f"/proc/{worker.process.pid}/status").read_text().splitlines() if "VmRSS" in line)
    return int(line.split()[1]) * 1024 / MB


def growth(worker: PathWorker, before: float, until: Callable[[], bool]) -> float:
    """The most MB that it has more than before, until something is the case and for some seconds more."""
    most, ends_at = before, time.monotonic() + 30.0
    is_reached = False
    while time.monotonic() < ends_at:
        most = max(most, resident(worker))
        if not is_reached and until():
            is_reached, ends_at = True, time.monotonic() + SECONDS
        time.sleep(0.05)
    assert is_reached
    return most - before


def test_topics_that_wait(path: str, start: Starter, broker: BrokerSide) -> None:
    """On Faust's path one agent whose queue is full holds up the other one, if that has nothing by then."""
    topics = [f"{start.prefix}-{name}" for name in ("heap-a", "heap-b")]
    broker.create(topics)
    worker = start("held", path)
    eventually(lambda: worker.page("/poured/"), within=20.0)
    before = resident(worker)
    value = b"x" * SIZE
    write(broker, topics, range(EACH), lambda partition, number: (b"%d" % number, value), batch=500_000)
    agents = 2 if path == "fast" else 1
    assert growth(worker, before, lambda: len(worker.notes("held")) >= agents) < MOST


def test_brokers_that_take_nothing(disk_kafka: LocalKafka, start_on_disk: Starter, disk_broker: BrokerSide) -> None:
    """A broker that is used for other things, but at other times, is stopped for a while."""
    disk_broker.create(f"{start_on_disk.prefix}-{name}" for name in ("heap-a", "heap-b", "poured"))
    worker = start_on_disk("held", "fast", environment={"BOTH_POUR": "1"})

    def poured() -> int:
        return int(worker.page("/poured/")["poured"])

    eventually(lambda: poured() > 100_000, within=20.0)
    before = resident(worker)
    disk_kafka.kill(1, signal.SIGSTOP)
    try:
        assert growth(worker, before, lambda: True) < MOST_ON_THE_WAY
        waiting = poured()
        time.sleep(1.0)
        assert poured() == waiting
    finally:
        disk_kafka.kill(1, signal.SIGCONT)
    eventually(lambda: poured() > waiting + 10_000, within=20.0)
    assert worker.stop() == 0
