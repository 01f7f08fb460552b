"""Feeds workers that are up: `BROKER TOPIC RATE SECONDS FOLDER WORKERS`.

Sends records whose `t` is 0 until so many processes have said in the folder that they are fed, then at a steady rate
records whose `t` is the clock's nanoseconds at the call of the producer.
"""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import uvloop
from aiokafka import AIOKafkaProducer

from tests.benchmarks.throughput_making import PARTITIONS

WARM_EVERY = 0.1
WARM_WITHIN = 60.0
TICK = 0.001
"""Seconds between two handfuls of records where they come faster than that."""

TAIL = b"," + b'"text":"' + b"t" * 60 + b'"}'


async def warm(producer: AIOKafkaProducer, topic: str, folder: Path, workers: int) -> None:
    """Feed every partition until all workers have said so."""
    deadline = time.monotonic() + WARM_WITHIN
    while len(list(folder.glob("ready-*"))) < workers:
        if time.monotonic() > deadline:
            sys.exit(f"not {workers} workers were fed within {WARM_WITHIN:.0f} s")
        for partition in range(PARTITIONS):
            await producer.send(topic, b'{"n":0,"t":0' + TAIL, partition=partition)
        await asyncio.sleep(WARM_EVERY)


async def send(producer: AIOKafkaProducer, topic: str, rate: int, count: int) -> None:
    """Send so many records at a steady rate."""
    begun, number = time.monotonic(), 0
    while number < count:
        due = min(count, int((time.monotonic() - begun) * rate) + 1)
        for number in range(number, due):  # noqa: B020
            value = b'{"n":%d,"t":%d' % (number, time.monotonic_ns()) + TAIL
            await producer.send(topic, value, partition=number % PARTITIONS)
        number = due
        await asyncio.sleep(max(TICK, begun + number / rate - time.monotonic()))


async def feed(broker: str, topic: str, rate: int, seconds: int, folder: Path, workers: int) -> None:
    """All of it."""
    async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
        await warm(producer, topic, folder, workers)
        await send(producer, topic, rate, rate * seconds)


def load(broker: str, topic: str, rate: int, seconds: int, folder: Path, workers: int = 1) -> "subprocess.Popen[bytes]":
    """The same in a process of its own."""
    arguments = (broker, topic, str(rate), str(seconds), str(folder), str(workers))
    return subprocess.Popen((sys.executable, "-m", __name__, *arguments), stdin=subprocess.DEVNULL)


def main() -> None:
    """Feed as the arguments say."""
    broker, topic, rate, seconds, folder, workers = sys.argv[1:]
    uvloop.run(feed(broker, topic, int(rate), int(seconds), Path(folder), int(workers)))


if __name__ == "__main__":
    main()
