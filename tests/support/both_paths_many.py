"""One worker a path over some thousand records of each kind of agent, half of which come while it runs."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from framework.testing import eventually
from tests.support.both_paths import PATHS, PathWorker
from tests.support.both_paths_broker import BrokerSide
from tests.support.both_paths_bulk import Numbers, read_numbers, regrouped, write

EACH = {"fast": 3000, "faust": 600}
"""Records a partition: three runs and more; and no more on Faust's path than it can do in some seconds."""

PIECES = 10
"""The half that comes while the workers run comes in so many pieces."""

IN_FLIGHT = {"fast": 700, "faust": 150}
"""Records that may wait in a queue: fewer than a run, so that partitions are crowded."""

INPUTS = (
    *("values", "events", "take", "noack-take", "concurrency", "isolated", "filter", "pair"),
    *("sinks", "forward", "group-by", "table"),
)
OUTPUTS = ("sunk", "forwarded")
FEATURES = (*(name for name in INPUTS if name != "pair"), "pair-quick", "pair-slow")

WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class Many:
    """What one path did.

    Attributes:
        each: records a partition.
        seen: `{feature: {partition: numbers in the order in which the agent saw them}}`.
        strange: `{feature: how often something was not as it should be}`.
        counts: what the table holds.
        outputs: `{short name: numbers}`.
        lag: `{topic: {partition: records that are not committed}}`, where there are any.
        exit_code: of the worker.
    """

    each: int
    seen: Mapping[str, Numbers]
    strange: Mapping[str, int]
    counts: Mapping[str, int]
    outputs: Mapping[str, Numbers]
    lag: Mapping[str, int]
    exit_code: int


def record(partition: int, number: int) -> tuple[bytes, bytes]:
    """Key and value of a record."""
    value = {"n": number, "p": partition, "text": "x" * (number % 50)}
    return b"k%d-%d" % (number % 16, partition), json.dumps(value).encode()


def run_many(broker: BrokerSide, folder: Path) -> dict[str, Many]:
    """Run all of it on both paths: `{path: what it did}`."""
    unique = uuid.uuid4().hex[:6]
    workers = [_start(broker, path, f"many-{path}-{unique}", folder) for path in PATHS]
    try:
        for worker in workers:
            with worker.log_on_failure():
                eventually(lambda worker=worker: worker.page("/progress/"), within=WITHIN)
        for piece in range(PIECES):
            for worker in workers:
                step = EACH[worker.path] // 2 // PIECES
                first = EACH[worker.path] // 2 + piece * step
                write(broker, _topics(worker.group_id), range(first, first + step), record)
        return {worker.path: _finish(broker, worker) for worker in workers}
    finally:
        for worker in workers:
            worker.discard()


def _topics(group_id: str) -> list[str]:
    return [f"{group_id}-{name}" for name in INPUTS]


def _start(broker: BrokerSide, path: str, group_id: str, folder: Path) -> PathWorker:
    """Start a worker with half of its records."""
    broker.create([*_topics(group_id), regrouped(group_id), *(f"{group_id}-{name}" for name in OUTPUTS)])
    write(broker, _topics(group_id), range(EACH[path] // 2), record)
    return PathWorker(
        "many",
        path,
        group_id=group_id,
        inputs=group_id,
        bootstrap_servers=broker.bootstrap_servers,
        folder=folder,
        environment={"FRAMEWORK_MAX_IN_FLIGHT": str(IN_FLIGHT[path]), "FRAMEWORK_COMMIT_INTERVAL": "0.3"},
    )


def _finish(broker: BrokerSide, worker: PathWorker) -> Many:
    with worker.log_on_failure():
        eventually(lambda: not _lag(broker, worker), within=WITHIN, every=0.2)
    told = worker.page("/seen/")
    seen = {name: {int(p): numbers for p, numbers in found.items()} for name, found in told["seen"].items()}
    exit_code = worker.stop()
    outputs = {name: read_numbers(broker, f"{worker.group_id}-{name}") for name in OUTPUTS}
    return Many(EACH[worker.path], seen, told["strange"], told["counts"], outputs, _lag(broker, worker), exit_code)


def _lag(broker: BrokerSide, worker: PathWorker) -> dict[str, int]:
    """`{topic[partition]: records that are not committed}`, where there are any; also of the topic of `group_by`."""
    committed = broker.committed(worker.group_id)
    ends = broker.ends([*_topics(worker.group_id), regrouped(worker.group_id)])
    return {f"{tp[0]}[{tp[1]}]": end - committed.get(tp, 0) for tp, end in ends.items() if end > committed.get(tp, 0)}
