"""Records for the agent of `tests/broker/delivery/apps/bodies.py`, and what it noted."""

import json
from collections.abc import Mapping
from typing import Any

from tests.support.both_paths import PathWorker
from tests.support.both_paths_broker import Input


def bodies(
    count: int, special: Mapping[int, Mapping[str, Any]] | None = None, *, partition: int = 0, first: int = 0
) -> tuple[Input, ...]:
    """Records numbered from `first` in one partition; `special` says more of some of them."""
    return tuple(
        Input(json.dumps({"n": n, **(special or {}).get(n, {})}).encode(), key=b"k%d" % n, partition=partition)
        for n in range(first, first + count)
    )


def numbers(worker: PathWorker, feature: str, partition: int = 0) -> list[int]:
    """The numbers that a worker noted for a partition, in order."""
    return [note["n"] for note in worker.notes(feature) if note["partition"] == partition]
