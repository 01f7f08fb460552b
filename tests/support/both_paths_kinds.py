"""Records for the agents of `tests/broker/delivery/apps/kinds.py`, and what those noted of them."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tests.support.both_paths import Note, PathWorker
from tests.support.both_paths_broker import BrokerSide
from tests.support.both_paths_bulk import Numbers, regrouped, write

TOPICS = ("events", "concurrency", "take", "pair", "by-hand", "table", "group-by")
KINDS = (*(name for name in TOPICS if name != "pair"), "pair-slow", "pair-quick")
PARTITIONS = 2
KEYS = 16


def topic_of(kind: str) -> str:
    """Short name of the topic that a kind of agent reads."""
    return "pair" if kind.startswith("pair") else kind


def fill(broker: BrokerSide, prefix: str, count: int, special: Mapping[int, Mapping[str, Any]] | None = None) -> None:
    """Make the topics, with so many records a partition; `special` says more of some of them."""

    def record(partition: int, number: int) -> tuple[bytes, bytes]:
        value = {"n": number, "p": partition, **(special or {}).get(number, {})}
        return b"k%d-%d" % (number % KEYS, partition), json.dumps(value).encode()

    topics = [f"{prefix}-{name}" for name in TOPICS]
    broker.create([*topics, regrouped(prefix)], partitions=PARTITIONS)
    write(broker, topics, range(count), record, partitions=PARTITIONS)


def totals(count: int) -> dict[str, int]:
    """What the table holds in the end."""
    return {f"k{n}-{p}": sum(range(n, count, KEYS)) for n in range(KEYS) for p in range(PARTITIONS)}


def of_step(notes: Iterable[Note], step: str) -> Numbers:
    """`{partition: numbers in the order in which their bodies began, or had done}`."""
    found: Numbers = {partition: [] for partition in range(PARTITIONS)}
    for note in notes:
        if note["step"] == step:
            found[note["partition"]].append(note["n"])
    return found


def count_done(kinds: Iterable[str], *workers: PathWorker) -> dict[str, int]:
    """`{kind: how many different records the agents of all the workers have done}`."""
    found: dict[str, set[tuple[int, int]]] = {kind: set() for kind in kinds}
    for note in (note for worker in workers for note in worker.notes(*found)):
        if note["step"] == "done":
            found[note["feature"]].add((note["partition"], note["n"]))
    return {kind: len(records) for kind, records in found.items()}
