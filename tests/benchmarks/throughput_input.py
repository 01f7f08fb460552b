"""Fills the input of a case as fast as it can, in a process of its own: `BROKER TOPIC COUNT PARTITIONS SIZE KEYS`.

`SIZE` 0 are the first flights of the flights app's file. The topic must exist.
"""

import asyncio
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from functools import lru_cache
from typing import NamedTuple

from aiokafka import AIOKafkaProducer

BATCH = 64 * 1024
"""Bytes of a batch: what a busy producer makes."""

LARGE = 1000
FIELDS = 16
"""Text fields of a value of more bytes than that."""

WITHIN = 120.0


@dataclass(frozen=True, slots=True)
class Input:
    """What is in a topic: so many records of so many bytes, of so many keys (0: all new); size 0 are flights."""

    count: int
    partitions: int
    size: int
    keys: int

    @property
    def topic(self) -> str:
        """A name that says so."""
        return "in-" + "-".join(map(str, astuple(self)))


class Entry(NamedTuple):
    """A record and where it goes."""

    partition: int
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]] = []


@lru_cache
def template(size: int, digits: int) -> bytes:
    """A value of `size` bytes as JSON, without its key's number and its own, which has so many digits.

    It has one text, or several where it is large.
    """
    bare = b'{"k":"k%07d","n":%d,"t":1'
    names = [b"text%d" % part if part else b"text" for part in range(FIELDS if size > LARGE else 1)]
    used = len(bare % (0, 10 ** (digits - 1))) + sum(len(b',"%b":""' % name) for name in names) + len(b"}")
    room, rest = divmod(size - used, len(names))
    texts = (b',"%b":"%b"' % (name, b"t" * (room + (part < rest))) for part, name in enumerate(names))
    return bare + b"".join(texts) + b"}"


def entries(wanted: Input) -> Iterator[Entry]:
    """What is to be in the topic, in order; a key has one partition where `keys` is a multiple of partitions."""
    for number in range(wanted.count):
        key = number % wanted.keys if wanted.keys else number
        value = template(wanted.size, len(str(number))) % (key, number)
        yield Entry(number % wanted.partitions, b"k%07d" % key, value)


def flights(wanted: Input) -> Iterator[Entry]:
    """The first flights of the file, by carrier."""
    from apps.flights.data import fetch
    from apps.flights.replay import ReplayPlan, records
    from apps.flights.topics import ROW_HEADER

    places: dict[bytes, int] = {}
    for record in records(fetch(), ReplayPlan(limit=wanted.count)):
        key = record.key or b""
        partition = places.setdefault(key, len(places) % wanted.partitions)
        yield Entry(partition, key, record.value, [(ROW_HEADER, record.row.encode())])


async def produce(broker: str, topic: str, found: Iterable[Entry]) -> None:
    """Write the records in large batches."""
    async with AIOKafkaProducer(bootstrap_servers=broker, max_batch_size=BATCH) as producer:
        batches = defaultdict(producer.create_batch)
        for partition, key, value, headers in found:
            batch = batches[partition]
            if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
                await producer.send_batch(batch, topic, partition=partition)
                batch = batches[partition] = producer.create_batch()
                batch.append(timestamp=None, key=key, value=value, headers=headers)
        for partition, batch in batches.items():
            await producer.send_batch(batch, topic, partition=partition)
        await producer.flush()


def fill(broker: str, wanted: Input, topic: str) -> None:
    """Fill a topic that exists, in a process of its own."""
    command = (sys.executable, "-m", __name__, broker, topic, *map(str, astuple(wanted)))
    subprocess.run(command, check=True, timeout=WITHIN, stdin=subprocess.DEVNULL)


def main() -> None:
    """Fill the topic that the arguments say."""
    broker, topic, *numbers = sys.argv[1:]
    wanted = Input(*map(int, numbers))
    asyncio.run(produce(broker, topic, entries(wanted) if wanted.size else flights(wanted)))


if __name__ == "__main__":
    main()
