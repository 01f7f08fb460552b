"""A partition taken away in the middle goes on elsewhere, nothing lost and nothing twice, whatever its agent does.

Of two agents that share a topic the quicker one does again what the slower one had not: the commit waits for both.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest

from framework.testing import eventually
from tests.support.both_paths import PATHS, Note, Starter
from tests.support.both_paths_broker import BrokerSide, Position
from tests.support.both_paths_kinds import KINDS, PARTITIONS, count_done, fill, of_step, topic_of, totals

pytestmark = pytest.mark.broker

COUNT = 1200
FEW = 40
WHOLE = [list(range(COUNT)) for _ in range(PARTITIONS)]
QUICK = {"FRAMEWORK_HEARTBEAT_INTERVAL_MS": "300", "FRAMEWORK_COMMIT_INTERVAL": "0.3"}
HOLD = "0.03"
"""Seconds that a body takes, until the second worker is there."""

PAIR = ("pair-slow", "pair-quick")


@dataclass(frozen=True, slots=True)
class Moved:
    """What two workers noted, the second of which has come when the first was in the middle."""

    kinds: list[str]
    first: dict[str, list[Note]]
    second: dict[str, list[Note]]
    partition: int
    totals: dict[str, int]
    committed: dict[Position, int]
    exit_codes: tuple[int, int]

    def begun(self, kind: str, partition: int) -> list[int]:
        """Numbers that both have begun, those of the first first."""
        notes = (self.first[kind], self.second[kind])
        return [number for each in notes for number in of_step(each, "begun")[partition]]


@pytest.fixture(scope="module", params=PATHS)
def moved(request: pytest.FixtureRequest, broker: BrokerSide, tmp_path_factory: pytest.TempPathFactory) -> Moved:
    """One pair of workers a path, with all kinds of agents."""
    folder: Path = tmp_path_factory.mktemp("moved")
    start = Starter(f"moved-{request.param}-{folder.name}-{id(folder):x}", broker.bootstrap_servers, folder)
    try:
        return _move(start, broker, request.param)
    finally:
        start.discard()


def _move(start: Starter, broker: BrokerSide, path: str) -> Moved:
    # Faust waits for the last record of the quicker one, which the slower one will never take.
    kinds = [kind for kind in KINDS if path == "fast" or kind not in PAIR]
    environment = {**QUICK, "BOTH_PAIR": "1" if path == "fast" else "0"}
    fill(broker, start.prefix, COUNT)
    first = start("kinds", path, label="a", environment={**environment, "BOTH_HOLD": HOLD})
    with first.log_on_failure():
        eventually(lambda: min(count_done(kinds, first).values()) >= FEW, within=30.0)
    second = start("kinds", path, label="b", environment=environment)
    with first.log_on_failure(), second.log_on_failure():
        eventually(
            lambda: set(count_done(kinds, first, second).values()) == {PARTITIONS * COUNT}, within=60.0, every=0.3
        )
    (partition,) = second.notes("assigned")[-1]["partitions"]
    # The other one may have copies, which are a bit older.
    found = {
        key: total
        for worker, owned in ((first, 1 - partition), (second, partition))
        for key, total in worker.page("/totals/").items()
        if key.endswith(f"-{owned}")
    }
    exit_codes = first.stop(), second.stop()
    committed = {
        (topic.removeprefix(f"{start.prefix}-"), partition): offset
        for (topic, partition), offset in broker.committed(start.prefix).items()
    }
    notes = [{kind: worker.notes(kind) for kind in kinds} for worker in (first, second)]
    return Moved(kinds, *notes, partition, found, committed, exit_codes)


def test_all_moved_in_the_middle(moved: Moved) -> None:
    for kind in moved.kinds:
        first, second = (of_step(notes[kind], "begun")[moved.partition] for notes in (moved.first, moved.second))
        assert len(first) < COUNT, kind
        assert second, kind


def test_each_record_once(moved: Moved) -> None:
    for kind in moved.kinds:
        if kind != "pair-quick":
            assert [sorted(moved.begun(kind, partition)) for partition in range(PARTITIONS)] == WHOLE, kind


def test_each_partition_in_order(moved: Moved) -> None:
    for kind in moved.kinds:
        if kind not in ("pair-quick", "concurrency", "group-by"):
            assert [moved.begun(kind, partition) for partition in range(PARTITIONS)] == WHOLE, kind


def test_quicker_agent_begins_again_where_the_slower_one_was(moved: Moved) -> None:
    if "pair-quick" in moved.kinds:
        quick, slow = (moved.second[kind] for kind in ("pair-quick", "pair-slow"))
        assert of_step(quick, "begun")[moved.partition] == of_step(slow, "begun")[moved.partition]
        assert set(moved.begun("pair-quick", moved.partition)) == set(WHOLE[0])


def test_second_begins_when_the_first_has_done(moved: Moved) -> None:
    """Not of `group_by`: it reads another topic, whose partitions are mixed from those of the input."""
    for kind in moved.kinds:
        if kind != "group-by":
            ended = max((note["at"] for note in moved.first[kind] if note["partition"] == moved.partition), default=0.0)
            assert ended < moved.second[kind][0]["at"], kind


def test_table_is_exact(moved: Moved) -> None:
    assert moved.totals == totals(COUNT)


def test_all_is_committed(moved: Moved) -> None:
    for kind in moved.kinds:
        assert {moved.committed.get((topic_of(kind), partition)) for partition in range(PARTITIONS)} == {COUNT}, kind
    assert moved.exit_codes == (0, 0)
