"""At a stop each agent does what its body has in hand, commits it, and begins nothing more, however it reads."""

import pytest

from framework.testing import eventually
from tests.support.both_paths import PathWorker, Starter
from tests.support.both_paths_broker import BrokerSide
from tests.support.both_paths_kinds import KINDS, PARTITIONS, count_done, fill, of_step, topic_of, totals

pytestmark = pytest.mark.broker

COUNT, HELD = 300, 105
SPECIAL = {number: {"hold": 1.5, "only": "w"} for number in range(HELD, HELD + 40)}
"""So many that each of several bodies has one in hand, and that a list has one in any case, and the next ones, too."""

IN_HAND = {"concurrency": 4, "take": 10}
MEANWHILE = 20
"""Records, two lists, that may begin between a look at what has begun and the worker's hearing of its stop."""


def test_stop_with_every_kind_of_agent(path: str, start: Starter, broker: BrokerSide) -> None:
    fill(broker, start.prefix, COUNT, SPECIAL)
    worker = start("kinds", path)
    with worker.log_on_failure():
        eventually(lambda: all(is_held(worker, kind) for kind in KINDS), within=20.0)
    before = {kind: sum(map(len, of_step(worker.notes(kind), "begun").values())) for kind in KINDS}
    assert worker.stop() == 0
    for kind in KINDS:
        begun, done = (of_step(worker.notes(kind), step) for step in ("begun", "done"))
        assert {p: sorted(numbers) for p, numbers in begun.items()} == {p: sorted(n) for p, n in done.items()}, kind
        # What was in hand when it was asked to stop, and what began until it heard of that.
        assert sum(map(len, begun.values())) <= before[kind] + MEANWHILE, f"{kind} went on"
        if kind not in ("pair-quick", "pair-slow", "group-by"):
            for partition, numbers in done.items():
                assert broker.committed(worker.group_id).get((f"{start.prefix}-{topic_of(kind)}", partition), 0) == len(
                    numbers
                ), kind

    successor = start("kinds", path, label="w2", seat="w")
    with successor.log_on_failure():
        eventually(lambda: set(count_done(KINDS, worker, successor).values()) == {PARTITIONS * COUNT}, within=30.0)
        eventually(lambda: successor.page("/totals/") == totals(COUNT), within=5.0)
    for kind in KINDS:
        if not kind.startswith("pair"):
            seen = of_step([*worker.notes(kind), *successor.notes(kind)], "begun")
            assert all(sorted(numbers) == list(range(COUNT)) for numbers in seen.values()), kind
    assert successor.stop() == 0


def is_held(worker: PathWorker, kind: str) -> bool:
    """Whether the bodies of an agent are all at records that hold them."""
    notes = worker.notes(kind)
    begun, done = (sum(map(len, of_step(notes, step).values())) for step in ("begun", "done"))
    held = [note for note in notes if note["step"] == "begun" and note["n"] in SPECIAL]
    return bool(held) and begun - done >= IN_HAND.get(kind, 1)
