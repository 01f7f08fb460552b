"""Whether a contender did what it claims: the output has every record once, and the changelog the right totals."""

import asyncio
import time

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.benchmarks.throughput_cases import QUIX, Case

POLL_MS = 200
WITHIN = 60.0
"""Seconds to read a changelog in."""


class WrongResultError(AssertionError):
    """Raised when a contender lost or repeated records."""


def check(broker: str, case: Case, contender: str, group: str, topic: str) -> None:
    """Look at what a contender that has ended left behind.

    Raises:
        WrongResultError: records or totals are missing, or too many.
    """
    count = int(topic.split("-")[1])
    if case.copies:
        found = asyncio.run(_length(broker, f"{group}-out"))
        if found != count:
            raise WrongResultError(f"{found:,} records in the output of {count:,}")
    if case.table:
        changelog = f"changelog__{group}--{topic}--default" if contender == QUIX else f"{group}-totals-changelog"
        compare(asyncio.run(_totals(broker, changelog)), count, case.keys or count)


def compare(totals: dict[bytes, int], count: int, keys: int) -> None:
    """Compare the totals by key with what they must be: all the same.

    Raises:
        WrongResultError: they are not.
    """
    each = count // keys
    wrong = {key: total for key, total in totals.items() if total != each}
    if len(totals) != keys or wrong:
        shown = dict(list(wrong.items())[:3])
        raise WrongResultError(
            f"{len(totals):,} keys in the changelog of {keys:,}, {len(wrong):,} with another total than {each}: {shown}"
        )


async def _length(broker: str, topic: str) -> int:
    async with _reader(broker, topic) as reader:
        return sum((await _ends(reader, topic)).values())


async def _totals(broker: str, topic: str) -> dict[bytes, int]:
    """The last total of each key."""
    found: dict[bytes, int] = {}
    async with _reader(broker, topic) as reader:
        ends = await _ends(reader, topic)
        left = {partition for partition, end in ends.items() if end}
        deadline = time.monotonic() + WITHIN
        while left:
            if time.monotonic() > deadline:
                raise WrongResultError(f"{topic} could not be read to its end within {WITHIN:.0f} s: {left} are left")
            for partition, records in (await reader.getmany(timeout_ms=POLL_MS)).items():
                found.update((record.key, orjson.loads(record.value)) for record in records)
                if records[-1].offset + 1 >= ends[partition]:
                    left.discard(partition)
    return found


def _reader(broker: str, topic: str) -> AIOKafkaConsumer:
    """A consumer of the whole topic that belongs to no group."""
    return AIOKafkaConsumer(topic, bootstrap_servers=broker, auto_offset_reset="earliest")


async def _ends(reader: AIOKafkaConsumer, topic: str) -> dict[TopicPartition, int]:
    if not reader.assignment():
        raise WrongResultError(f"there is no topic {topic}")
    return dict(await reader.end_offsets(reader.assignment()))
