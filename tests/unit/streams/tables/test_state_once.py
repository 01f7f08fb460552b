"""A replay of events gives the table that it would have without the crash, whatever of the changelog survived."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from faust.types import TP
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framework.streams.tables.stamps import Stamps, stamps_of
from tests.unit.streams.fakes import run
from tests.unit.streams.tabled import CHANGELOG, Op, Process

OPS = st.lists(st.tuples(st.sampled_from("abc"), st.one_of(st.integers(1, 5), st.none())), max_size=4)
EVENTS = st.lists(OPS, min_size=1, max_size=6)


async def expected(events: list[list[Op]]) -> tuple[Process, list[int]]:
    """A process that was never killed, and after how many changes each of its events began."""
    process, begins = Process(), []
    for offset, ops in enumerate(events):
        begins.append(len(process.sent))
        process.process(offset, ops)
    return process, begins


def first_lost(begins: list[int], survived: int) -> int:
    """The event up to which offsets can have been committed: all changes before it have survived."""
    return max((number for number, begin in enumerate(begins) if begin <= survived), default=0)


@given(events=EVENTS, data=st.data())
def test_replay_in_memory(events: list[list[Op]], data: Any) -> None:
    async def scenario() -> None:
        lived, begins = await expected(events)
        survived = data.draw(st.integers(0, len(lived.sent)), label="changes that survive")
        start = data.draw(st.integers(0, first_lost(begins, survived)), label="first event that comes again")
        again = Process(changelog=lived.changelog()[:survived])
        for offset in range(start, len(events)):
            again.process(offset, events[offset])
        assert again.contents() == lived.contents()
        assert [m.value for m in again.changelog()] == [m.value for m in lived.changelog()[survived:]]

    asyncio.run(scenario())


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(events=EVENTS, data=st.data())
def test_replay_on_disk(events: list[list[Op]], data: Any) -> None:
    async def scenario(folder: Path) -> None:
        lived, begins = await expected(events)
        survived = data.draw(st.integers(0, len(lived.sent)), label="changes that survive")
        confirmed = data.draw(st.integers(0, survived), label="changes whose confirmation came")
        start = data.draw(st.integers(0, first_lost(begins, survived)), label="first event that comes again")
        killed = Process(folder=folder)
        for offset, ops in enumerate(events):
            killed.process(offset, ops)
        assert killed.contents() == lived.contents()
        killed.confirm(confirmed)
        assert killed.contents() == lived.contents()
        killed.kill()
        again = Process(changelog=lived.changelog()[:survived], folder=folder)
        for offset in range(start, len(events)):
            again.process(offset, events[offset])
        assert again.contents() == lived.contents()
        again.confirm(len(again.sent))
        assert again.contents() == lived.contents()
        again.kill()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scenario(Path(folder)))


@given(events=EVENTS, cuts=st.lists(st.integers(0, 30), min_size=2, max_size=2))
def test_two_crashes_in_a_row(events: list[list[Op]], cuts: list[int]) -> None:
    async def scenario() -> None:
        lived, _ = await expected(events)
        changelog = lived.changelog()[: cuts[0]]
        for cut in (cuts[1], None):
            process = Process(changelog=changelog)
            for offset in range(len(events)):
                process.process(offset, events[offset])
            changelog = changelog + process.changelog()[:cut]
        assert process.contents() == lived.contents()

    asyncio.run(scenario())


def test_another_agent_on_the_same_topic_is_another_source() -> None:
    async def scenario() -> None:
        process = Process()
        process.process(7, [("a", 1)], agent="first")
        process.process(3, [("a", 10)], agent="second")
        assert process.contents() == {"a": 11}

    run(scenario)


def test_another_source_partition_is_another_source() -> None:
    async def scenario() -> None:
        process = Process()
        process.process(7, [("a", 1)])
        process.process(3, [("a", 10)], tp=TP("flights", 1))
        assert process.contents() == {"a": 11}

    run(scenario)


def test_topic_that_was_made_anew_is_no_replay() -> None:
    async def scenario() -> None:
        process = Process()
        process.process(7, [("a", 1)], at=100)
        process.process(0, [("a", 10)], at=200)
        process.process(1, [("a", 100)], at=150)
        assert process.contents() == {"a": 111}

    run(scenario)


def test_times_that_go_back_do_not_make_a_replay() -> None:
    async def scenario() -> None:
        first = Process()
        first.process(0, [("a", 1)], at=200)
        first.process(1, [("a", 10)], at=100)
        assert first.contents() == {"a": 11}
        again = Process(changelog=first.changelog())
        again.process(0, [("a", 1)], at=200)
        again.process(1, [("a", 10)], at=100)
        assert again.contents() == {"a": 11}
        assert again.app.tables.sources.suppressed == 2

    run(scenario)


def test_switched_off_it_counts_again_and_writes_no_header() -> None:
    async def scenario() -> None:
        first = Process(state_once=False)
        first.process(0, [("a", 1)])
        assert not first.sent[0].message.headers
        again = Process(changelog=first.changelog(), state_once=False)
        again.process(0, [("a", 1)])
        assert again.contents() == {"a": 2}

    run(scenario)


def test_change_without_a_known_author_is_always_made() -> None:
    async def scenario() -> None:
        process = Process()
        process.process(5, [("a", 1)])
        process.table.partition_for_key = lambda key: 0
        process.author = None
        process.table["a"] = 9
        first, last = (stamps_of(sent.message.headers) for sent in (process.sent[0], process.sent[-1]))
        assert first is not None
        assert last == Stamps([], first.points, first.changes), "it takes the place of the record that has told it"
        assert process.contents() == {"a": 9}

    run(scenario)


def test_forgotten_partition_is_counted_anew() -> None:
    async def scenario() -> None:
        process = Process()
        process.process(5, [("a", 1)])
        process.app.tables.forget(CHANGELOG)
        process.process(5, [("a", 1)])
        assert process.contents() == {"a": 2}

    run(scenario)


@pytest.mark.parametrize("method", ["update", "setdefault", "clear", "delete"])
def test_every_way_to_change_a_table_is_suppressed(method: str) -> None:
    ways = {
        "update": lambda table: table.update({"a": table["a"] + 1}, b=7),
        "setdefault": lambda table: table.setdefault("a", 3),
        "clear": lambda table: table.clear(),
        "delete": lambda table: table.__delitem__("a"),
    }

    async def scenario() -> None:
        first = Process()
        first.process(0, [("a", 1), ("c", 2)])
        with first.turn(1):
            ways[method](first.table)
        again = Process(changelog=first.changelog())
        again.process(0, [("a", 1), ("c", 2)])
        with again.turn(1):
            ways[method](again.table)
        assert again.contents() == first.contents()
        assert not again.sent

    run(scenario)


def test_windows() -> None:
    def count(process: Process, offset: int) -> None:
        with process.turn(offset):
            windows[process]["a"] += 1

    def open_windows(process: Process) -> Process:
        windows[process] = process.table.hopping(10, 5, expires=3600)
        return process

    windows: dict[Process, Any] = {}

    async def scenario() -> None:
        first = open_windows(Process())
        count(first, 0)
        count(first, 1)
        again = open_windows(Process(changelog=first.changelog()[:3]))
        count(again, 0)
        count(again, 1)
        assert again.contents() == first.contents()
        assert set(again.contents().values()) == {2}
        assert len(again.sent) == 1

    run(scenario)


def test_global_table() -> None:
    async def scenario() -> None:
        first = Process(kind="GlobalTable")
        first.process(0, [("a", 1)])
        again = Process(changelog=first.changelog(), kind="GlobalTable")
        again.process(0, [("a", 1)])
        again.process(1, [("a", 1)])
        assert again.contents() == {"a": 2}

    run(scenario)


def test_keys_that_were_set_here_go_with_their_partition() -> None:
    async def scenario() -> None:
        process = Process()
        process.process(0, [("a", 1)])
        await process.table.on_recovery_completed(set(), set())
        assert process.contents() == {}

    run(scenario)
