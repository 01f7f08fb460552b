"""The client below, without a framework: aiokafka and orjson; takes the same environment as the app."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.benchmarks.throughput_meter import Meter

ROUNDS = 15
TEXT = b"t" * 64
POLL_MS = 200

Handle = Callable[[list[Any], Meter, int, int], Awaitable[tuple[int, int]]]
"""Takes records, the meter, how many were seen and the next mark; returns the last two anew."""


async def decode(records: list[Any], meter: Meter, seen: int, mark: int) -> tuple[int, int]:
    """Decode the records and do nothing with them."""
    loads = orjson.loads
    for record in records:
        loads(record.value)
        seen += 1
        if seen == mark:
            mark = meter.reached(seen)
    return seen, mark


async def compute(records: list[Any], meter: Meter, seen: int, mark: int) -> tuple[int, int]:
    """Decode them and have something to compute."""
    for record in records:
        orjson.loads(record.value)
        for _ in range(ROUNDS):
            sha256(TEXT).digest()
        seen += 1
        if seen == mark:
            mark = meter.reached(seen)
    return seen, mark


class Forward:
    """Decodes, encodes and sends on each record."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self._producer, self._topic = producer, topic

    async def __call__(self, records: list[Any], meter: Meter, seen: int, mark: int) -> tuple[int, int]:
        for record in records:
            await self._producer.send(self._topic, orjson.dumps(orjson.loads(record.value)), record.key)
            seen += 1
            if seen == mark:
                mark = meter.reached(seen)
        return seen, mark


async def run() -> None:
    """Read until stopped."""
    env = os.environ
    meter = Meter(Path(env["BENCH_RESULT"]), int(env["BENCH_TOTAL"]))
    servers, group = env["FRAMEWORK_BOOTSTRAP_SERVERS"], env["BENCH_GROUP"]
    consumer = AIOKafkaConsumer(
        env["BENCH_TOPIC"], bootstrap_servers=servers, group_id=group, auto_offset_reset="earliest"
    )
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer, consumer:
        forward = Forward(producer, f"{group}-out")
        handle: Handle = {"consume": decode, "body": compute}.get(env["BENCH_AGENT"], forward)
        seen, mark = 0, meter.first
        while True:
            for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                seen, mark = await handle(records, meter, seen, mark)


async def main() -> None:
    """Read until SIGTERM, then end in order: what was sent is delivered."""
    task = asyncio.ensure_future(run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


if __name__ == "__main__":
    asyncio.run(main())
