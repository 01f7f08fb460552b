"""A steady load: numbered records into every partition, and exactly which of them the broker acknowledged."""

import asyncio
import json
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor

from aiokafka import AIOKafkaProducer
from aiokafka.structs import RecordMetadata

from tests.support.figures import Acked

PACE = 0.04
"""Seconds between two times that records are sent: at 200 a second one for each of eight partitions, so that the broker
and the workers are not busy with requests of one record."""


class Load:
    """An idempotent producer in a thread of its own: `rate` records a second, partition after partition.

    Args:
        bootstrap_servers: where the brokers are.
        topic: the input topic.
        partitions: how many partitions to fill.
        rate: records a second, over all partitions.
    """

    def __init__(self, bootstrap_servers: str, topic: str, partitions: int = 8, rate: float = 200.0) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topic = topic
        self._partitions = partitions
        self._rate = rate
        self._acked: list[Acked] = []
        self._sent: Counter[tuple[str, int]] = Counter()
        self._stop = threading.Event()
        self._is_ready = threading.Event()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="load")
        self._running: Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._producer: AIOKafkaProducer | None = None

    def start(self) -> None:
        """Begin to produce; returns when the producer is connected.

        Raises:
            TimeoutError: it did not connect within 20 s.
        """
        self._running = self._executor.submit(lambda: asyncio.run(self._produce()))
        if not self._is_ready.wait(timeout=20.0):
            raise TimeoutError("the load's producer did not connect within 20 s")

    def stop(self) -> list[Acked]:
        """Send no more, wait for every acknowledgement; harmless when repeated.

        Raises:
            TimeoutError: the last acknowledgements did not come within 30 s.
        """
        self._stop.set()
        if self._running is not None:
            self._running.result(timeout=30.0)
        self._executor.shutdown()
        return self.inputs

    @property
    def acknowledged(self) -> int:
        """How many records the broker has so far."""
        return len(self._acked)

    @property
    def inputs(self) -> list[Acked]:
        """What the broker has so far."""
        return list(self._acked)

    def ends(self, topic: str) -> dict[int, int]:
        """{partition: offset behind the last record that the broker acknowledged}."""
        return {acked.partition: acked.offset + 1 for acked in self.inputs if acked.topic == topic}

    def send(self, partition: int = 0, *, topic: str | None = None, hold: float = 0.0) -> Acked:
        """Send one extra record between the others.

        Args:
            partition: where to.
            topic: where to; None is the load's own topic.
            hold: seconds that its handler is to take.
        """
        assert self._loop is not None, "start the load first"
        sending = self._send_acked(topic or self._topic, partition, hold)
        return asyncio.run_coroutine_threadsafe(sending, self._loop).result(timeout=10.0)

    async def _produce(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with AIOKafkaProducer(
            bootstrap_servers=self._bootstrap_servers, enable_idempotence=True, linger_ms=2
        ) as self._producer:
            self._is_ready.set()
            await self._keep_pace()

    async def _keep_pace(self) -> None:
        begun = time.monotonic()
        pending: set[asyncio.Task[Acked]] = set()
        count = 0
        while not self._stop.is_set():
            due = int((time.monotonic() - begun) * self._rate) if self._rate else 0
            for number in range(count, due):
                acknowledged = await self._send(self._topic, number % self._partitions)
                pending.add(acknowledged)
                acknowledged.add_done_callback(pending.discard)
            count = due
            await asyncio.sleep(PACE)
        await asyncio.gather(*pending)

    async def _send_acked(self, topic: str, partition: int, hold: float) -> Acked:
        assert self._producer is not None
        await self._producer.client.force_metadata_update()  # the partition may be younger than what is known
        return await (await self._send(topic, partition, hold))

    async def _send(self, topic: str, partition: int, hold: float = 0.0) -> "asyncio.Task[Acked]":
        assert self._producer is not None
        seq, identity = self._sent[topic, partition], str(uuid.uuid4())
        self._sent[topic, partition] += 1
        value: dict[str, object] = {"p": partition, "seq": seq, "uuid": identity}
        if hold:
            value["hold"] = hold
        future = await self._producer.send(
            topic, json.dumps(value).encode(), key=identity.encode(), partition=partition
        )
        return asyncio.create_task(self._note(topic, partition, seq, identity, future))

    async def _note(
        self, topic: str, partition: int, seq: int, identity: str, future: "asyncio.Future[RecordMetadata]"
    ) -> Acked:
        metadata = await future
        acked = Acked(topic, partition, seq, identity, metadata.offset)
        self._acked.append(acked)
        return acked
