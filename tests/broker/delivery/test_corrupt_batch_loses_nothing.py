"""A batch that fails its checksum is fetched again; one that stays corrupt ends the worker, and costs no neighbour."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from aiokafka import AIOKafkaProducer

from framework.localkafka import LocalKafka
from framework.testing import eventually
from tests.support.both_paths import PathWorker, Starter
from tests.support.both_paths_broker import BrokerSide, Input
from tests.support.log_files import LogFiles

pytestmark = pytest.mark.broker

QUICK = {"FRAMEWORK_COMMIT_INTERVAL": "0.1"}
COUNT, BAD = 20, 10
LARGE = [Input(b"%d" % n + b" " * 12_000) for n in range(COUNT)]
"""Two of them do not fit into one batch of a producer."""


def offsets(worker: PathWorker) -> list[int]:
    return [note["offset"] for note in worker.notes("gaps")]


def test_batch_that_is_corrupt_once(
    path: str, start_on_disk: Starter, disk_broker: BrokerSide, disk_kafka: LocalKafka
) -> None:
    """The fast path fetches it again. aiokafka gives up at once, and the worker on Faust's path with it."""
    start, broker = start_on_disk, disk_broker
    topic = f"{start.prefix}-gaps"
    broker.create([topic], partitions=1)
    broker.send({topic: LARGE})
    with LogFiles(disk_kafka, topic).corrupt(BAD):
        worker = start("gaps", path, environment=QUICK)
        if path == "faust":
            assert worker.process.wait(20.0) not in (0, None)
        else:
            eventually(lambda: "is corrupt; it is fetched again" in worker.log, within=20.0)
    if path == "faust":
        worker = start("gaps", path, label="w2", seat="w", environment=QUICK)
    eventually(lambda: broker.committed(worker.group_id).get((topic, 0)) == COUNT, within=20.0)
    seen = [offset for each in start.started for offset in offsets(each)]
    assert seen == list(range(COUNT))
    assert worker.stop() == 0


def test_batch_that_stays_corrupt(start_on_disk: Starter, disk_broker: BrokerSide, disk_kafka: LocalKafka) -> None:
    start, broker = start_on_disk, disk_broker
    topics = {name: f"{start.prefix}-{name}" for name in ("gaps", "beside")}
    broker.create(topics.values(), partitions=1)
    broker.send({topics["gaps"]: LARGE})
    with LogFiles(disk_kafka, topics["gaps"]).corrupt(BAD), _hose(broker, topics["beside"]):
        worker = start("beside", "fast", environment=QUICK)
        assert worker.process.wait(40.0) not in (0, None)
    assert offsets(worker) == list(range(BAD))
    assert broker.committed(worker.group_id)[topics["gaps"], 0] == BAD
    reason = worker.log[-4000:]
    assert f"{topics['gaps']}[0]@{BAD}" in reason, reason
    done = broker.committed(worker.group_id)[topics["beside"], 0]
    assert _jumps(worker) == [0]

    successor = start("beside", "fast", label="w2", seat="w", environment=QUICK)
    eventually(lambda: broker.committed(worker.group_id)[topics["gaps"], 0] == COUNT, within=20.0)
    eventually(lambda: broker.committed(worker.group_id)[topics["beside"], 0] > done)
    assert offsets(successor) == list(range(BAD, COUNT))
    assert _jumps(successor) == [done]
    assert successor.stop() == 0


def _jumps(worker: PathWorker) -> list[int]:
    """Offsets of the other topic that are not behind the one before, the first among them."""
    return [note["offset"] for note in worker.notes("beside") if not note["is_next"]]


@contextmanager
def _hose(broker: BrokerSide, topic: str) -> Iterator[None]:
    """Send small records to a topic, thousands in a batch and more than a worker can do, as long as the context lasts.

    Else a moment would come in which nothing but the corrupt batch is at hand.
    """
    is_over = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_send_until(is_over, broker, topic)))
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


async def _send_until(is_over: threading.Event, broker: BrokerSide, topic: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, max_batch_size=64 * 1024) as producer:
        while not is_over.is_set():
            batch = producer.create_batch()
            while batch.append(key=None, value=b"x", timestamp=None) is not None:
                pass
            await (await producer.send_batch(batch, topic, partition=0))
