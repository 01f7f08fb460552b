"""Changes are collected and sent together, and nothing of a later change goes with an earlier one."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faust.exceptions import ProducerSendError
from faust.sensors.monitor import Monitor
from faust.streams import _current_event
from faust.types import TP
from hypothesis import example, given
from hypothesis import strategies as st

from framework.streams.reading.events import Event, Reader
from framework.streams.sending.serializing import key_dump, value_dump
from framework.streams.tables import flushing
from framework.streams.tables.authors import Authors
from framework.streams.tables.plain_json import dump_plain, is_plain
from framework.streams.tables.stamps import COMPLETE, stamps_of
from tests.unit.streams.fakes import run, settle
from tests.unit.streams.tabled import CHANGELOG, SOURCE, Process, message_of


def sent(process: Process) -> list[tuple[bytes, bytes | None]]:
    return [(record.key, record.value) for record in process.outbox.sents]


class Agent:
    """An agent's body on the fast path: its events know who reads them."""

    def __init__(self, process: Process, *, is_ordered: bool = True) -> None:
        process.table._authors = Authors()
        self.stream = SimpleNamespace(current_event=None)
        self.reader = Reader(process.app, None, None, stream=self.stream, task=asyncio.current_task())
        self.reader.agent, self.reader.is_ordered = "sums", is_ordered

    @contextmanager
    def turn(self, offset: int, *, at: int = 1000, tp: TP = SOURCE) -> Iterator[None]:
        record = SimpleNamespace(offset=offset, timestamp=at, key=None, headers=(), value=None)
        event = Event(self.reader, SimpleNamespace(tp=tp, generation=0), record, None)  # type: ignore[arg-type]
        self.stream.current_event = event
        token = _current_event.set(event)
        yield
        _current_event.reset(token)


@pytest.fixture(params=["memory", "disk"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path if request.param == "disk" else None


def test_last_value_of_each_key_is_sent(folder: Path | None) -> None:
    async def scenario() -> None:
        process = Process(is_fast=True, folder=folder)
        process.process(0, [("a", 1), ("b", 2)])
        process.process(1, [("a", 10)])
        assert (sent(process), process.contents()) == ([], {"a": 11, "b": 2})
        await process.flush()
        assert sent(process) == [(b'"a"', b"11"), (b'"b"', b"2")]
        process.process(2, [("b", None)])
        await process.flush()
        assert (sent(process)[2:], process.contents()) == ([(b'"b"', None)], {"a": 11})
        process.kill()

    run(scenario)


def test_agent_may_go_on_changing_an_object(folder: Path | None) -> None:
    async def scenario() -> None:
        process = Process(is_fast=True, folder=folder)
        with process.turn(0):
            value = {"n": 1}
            process.table["a"] = value
            value["n"] = 2
        await process.flush()
        assert sent(process) == [(b'"a"', b'{"n":1}')]
        process.kill()

    run(scenario)


@pytest.mark.parametrize(
    ("key", "value"), [("a", 2**70), ("a", "\ud800"), ("\ud800", 1), ("a", object()), (object(), 1), (2**70, 1)]
)
def test_what_cannot_be_serialized_fails_where_it_is_set(key: Any, value: Any, folder: Path | None) -> None:
    async def scenario() -> None:
        process = Process(is_fast=True, folder=folder)
        with process.turn(0), pytest.raises((TypeError, UnicodeError)):
            process.table[key] = value
        await process.flush()
        assert (sent(process), process.contents()) == ([], {})
        process.kill()

    run(scenario)


PLAIN = st.one_of(st.integers(), st.text(), st.booleans(), st.floats())


@given(PLAIN)
@example("\x7f")
def test_plain_values_are_written_as_faust_writes_them(value: Any) -> None:
    process = Process()
    if is_plain(value):
        assert dump_plain(value) == value_dump(process.app, process.table.changelog_topic.schema)(value)
        assert json.loads(dump_plain(value)) == value


@given(st.text(st.characters(max_codepoint=0x80), max_size=3))
@example("\x7f")
@example('\x1f"\\')
def test_keys_are_written_as_faust_writes_them(key: str) -> None:
    """Else the changelog would have two records of one key, by workers of both paths."""
    process = Process(is_fast=True)
    assert process.table._dump_key(key) == key_dump(process.app, process.table.changelog_topic.schema)(key)


@pytest.mark.parametrize("is_active", [True, False])
def test_recovery_keeps_what_is_dirty_where_its_partition_is_active(*, is_active: bool) -> None:
    """Faust's store has the partition of a key that was read back from another one."""

    async def scenario() -> None:
        process = Process(is_fast=True)
        process.table.data._key_partition["a"] = 1
        process.process(0, [("a", 1), ("b", 1)])
        await process.table.on_recovery_completed({CHANGELOG} if is_active else set(), set())
        assert process.contents() == ({"a": 1, "b": 1} if is_active else {})
        process.kill()

    run(scenario)


def test_event_of_nobodys_loop_changes_a_table() -> None:
    """As one that was taken out of a topic by hand, and put into a channel that an agent reads."""

    async def scenario() -> None:
        process = Process(is_fast=True)
        agent = Agent(process)
        agent.reader = Reader(process.app, None, None)
        with agent.turn(0):
            process.table["a"] = 1
        await process.flush()
        assert (sent(process), process.contents()) == ([(b'"a"', b"1")], {"a": 1})
        process.kill()

    run(scenario)


def test_window_that_was_closed_does_not_come_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        process = Process(is_fast=True, folder=tmp_path)
        process.process(0, [("a", 1)])
        await process.app.tables.flush()
        process.table.data.pop("a")  # as the cleaning of closed windows does it
        await process.confirm_posted(1)
        assert process.contents() == {}
        assert process.table.persisted_offset(CHANGELOG) == 0
        process.kill()

    run(scenario)


def test_disk_has_what_is_confirmed_and_no_more(tmp_path: Path) -> None:
    async def scenario() -> None:
        process = Process(is_fast=True, folder=tmp_path)
        process.process(0, [("a", 1), ("b", 1)])
        await process.app.tables.flush()
        process.process(1, [("a", 10)])
        assert process.table.persisted_offset(CHANGELOG) is None
        await process.confirm_posted(2)
        assert process.table.persisted_offset(CHANGELOG) == 1
        assert process.table.data._dbs[0].get(b'"a"') == b"1"
        assert process.contents() == {"a": 11, "b": 1}
        process.kill()

    run(scenario)


# --- when it is sent --------------------------------------------------------------------------------------------------


def test_sent_a_moment_after_the_first_change(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(flushing, "PAUSE", 0.0)
        process = Process(is_fast=True)
        process.process(0, [("a", 1)])
        assert sent(process) == []
        await settle()
        assert sent(process) == [(b'"a"', b"1")]

    run(scenario)


def test_many_changed_keys_have_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(flushing, "MANY", 2)
        process = Process(is_fast=True)
        process.process(0, [("a", 1), ("b", 1)])
        await process.app.tables.ebb()
        assert sent(process) == []
        process.process(1, [("c", 1)])
        process.outbox.room = 1
        waiting = asyncio.ensure_future(process.app.tables.ebb())
        await settle()
        assert (len(sent(process)), waiting.done()) == (1, False)
        process.outbox.room = 9
        process.outbox.has_room.set()
        await waiting
        assert len(sent(process)) == 3

    run(scenario)


def test_next_flush_waits_for_the_one_before() -> None:
    async def scenario() -> None:
        process = Process(is_fast=True)
        process.process(0, [("a", 1)])
        await process.app.tables.flush()
        process.process(1, [("a", 1)])
        second = asyncio.ensure_future(process.app.tables.flush())
        await settle()
        assert (len(sent(process)), second.done()) == (1, False)
        await process.confirm_posted(1)
        await second
        assert sent(process) == [(b'"a"', b"1"), (b'"a"', b"2")]

    run(scenario)


def test_flush_goes_on_when_whoever_waits_for_it_gives_up() -> None:
    async def scenario() -> None:
        process = Process(is_fast=True)
        process.process(0, [("a", 1), ("b", 1)])
        process.outbox.room = 1
        flush = asyncio.ensure_future(process.app.tables.flush())
        await settle()
        flush.cancel()
        await settle()
        process.outbox.room = 9
        process.outbox.has_room.set()
        await settle()
        assert len(sent(process)) == 2

    run(scenario)


def test_lost_changes_end_the_worker_and_stop_commits(tmp_path: Path) -> None:
    async def scenario() -> None:
        process = Process(is_fast=True, folder=tmp_path)
        crashes: list[BaseException] = []

        async def crash(error: BaseException) -> None:
            crashes.append(error)

        process.app.crash = crash  # type: ignore[method-assign]
        process.process(0, [("a", 1)])
        await process.app.tables.flush()
        process.outbox.error = ProducerSendError("lost")
        await process.confirm_posted(1)
        assert crashes == [process.outbox.error]
        assert process.table.persisted_offset(CHANGELOG) is None
        process.process(1, [("b", 1)])
        with pytest.raises(ProducerSendError):
            await process.app.tables.flush()
        assert len(sent(process)) == 1
        process.kill()

    run(scenario)


def test_what_was_given_up_is_neither_sent_nor_kept() -> None:
    async def scenario() -> None:
        process = Process(is_fast=True)
        process.process(0, [("a", 1)])
        await process.flush()
        process.process(1, [("a", 1), ("b", 1)])
        process.app.tables.forget(CHANGELOG)
        assert process.contents() == {}
        await process.flush()
        assert sent(process) == [(b'"a"', b"1")]
        process.recover(process.changelog())
        process.process(1, [("a", 1), ("b", 1)])
        assert process.contents() == {"a": 2, "b": 1}

    run(scenario)


def test_what_is_read_back_does_not_replace_what_is_newer() -> None:
    async def scenario() -> None:
        process = Process(is_fast=True)
        process.process(0, [("a", 1)])
        await process.flush()
        process.process(1, [("a", 1)])
        process.recover(process.changelog())
        assert process.contents() == {"a": 2}

    run(scenario)


# --- who made it ------------------------------------------------------------------------------------------------------


def test_event_that_has_failed_makes_only_what_it_had_not_made(folder: Path | None) -> None:
    async def scenario() -> None:
        process = Process(is_fast=True, folder=folder)
        agent = Agent(process)
        with agent.turn(7):
            process.table["a"] += 1
            process.table["a"] += 1
            await process.flush()
            process.table["b"] += 1
        with agent.turn(7):
            process.table["a"] += 1
            process.table["a"] += 1
            process.table["b"] += 1
            process.table["b"] += 1
        with agent.turn(8):
            process.table["a"] += 1
        assert process.contents() == {"a": 3, "b": 2}
        assert process.app.tables.sources.suppressed == 3
        await process.flush()
        stamps = [stamps_of(record.headers) for record in process.outbox.sents]
        assert [[(c.offset, c.number) for c in each.changes] for each in stamps if each] == [
            [(7, 2)],
            [(7, 2)],
            [(8, 1)],
        ]
        process.kill()

    run(scenario)


def test_task_that_the_body_has_started_is_nobody() -> None:
    async def scenario() -> None:
        process = Process(is_fast=True)
        agent = Agent(process)

        async def later(key: str) -> None:
            process.table[key] = 1

        with agent.turn(7):
            late = asyncio.ensure_future(later("late"))
            await asyncio.ensure_future(later("in time"))
            process.table["own"] = 1
        with agent.turn(8):
            process.table["next"] = 1
            await late
            process.table["next"] = 2
        await process.flush()
        told = {record.key: stamps_of(record.headers) for record in process.outbox.sents}
        assert told[b'"in time"'] is told[b'"late"'] is None
        assert [c.number for key in (b'"own"', b'"next"') for c in told[key].changes] == [1, 2]  # type: ignore[union-attr]
        assert process.app.tables.sources.suppressed == 0

    run(scenario)


def test_changes_out_of_order_have_no_author() -> None:
    async def scenario() -> None:
        process = Process(is_fast=True)
        agent = Agent(process, is_ordered=False)
        for offset in (7, 5):
            with agent.turn(offset):
                process.table["a"] += 1
        await process.flush()
        assert process.contents() == {"a": 2}
        assert process.outbox.sents[0].headers == ()

    run(scenario)


def test_topic_that_was_made_anew_is_no_replay() -> None:
    async def scenario() -> None:
        process = Process(is_fast=True)
        agent = Agent(process)
        for offset, at in ((7, 1000), (0, 2000), (1, 1500)):
            with agent.turn(offset, at=at):
                process.table["a"] += 1
                process.table[f"b{offset}"] = 1
        await process.flush()
        again = Process(is_fast=True, changelog=process.changelog())
        agent = Agent(again)
        for offset, at in ((0, 2000), (1, 1500)):
            with agent.turn(offset, at=at):
                again.table["a"] += 1
        assert again.contents()["a"] == 3

    run(scenario)


def test_up_to_where_everything_is_in_is_told_again_by_what_takes_its_place() -> None:
    async def scenario() -> None:
        process = Process(is_fast=True)
        for offset, keys in enumerate(("a", "b", "cb")):
            process.process(offset, [(key, 1) for key in keys])
            await process.flush()
        # "b" told of "a"'s flush; its record of the last flush takes its place, and "c" is the first of that flush.
        told = [(record.key, dict(record.headers).get(COMPLETE)) for record in process.outbox.sents]
        assert told == [
            (b'"a"', None),
            (b'"b"', b"0 1000 0 0 flights sums"),
            (b'"c"', b"0 1000 1 0 flights sums"),
            (b'"b"', b"0 1000 1 0 flights sums"),
        ]

    run(scenario)


def test_without_state_once_there_are_no_headers() -> None:
    async def scenario() -> None:
        process = Process(is_fast=True, state_once=False)
        agent = Agent(process)
        for _ in range(2):
            with agent.turn(7):
                process.table["a"] += 1
        await process.flush()
        assert (sent(process), process.outbox.sents[0].headers) == ([(b'"a"', b"2")], ())

    run(scenario)


@pytest.mark.parametrize("kind", ["GlobalTable", "Table"])
def test_partition_by_key(kind: str) -> None:
    async def scenario() -> None:
        process = Process(is_fast=True, kind=kind)
        process.table.use_partitioner = True
        process.process(0, [("a", 1), ("a", 2)])
        await process.flush()
        assert sent(process) == [(b'"a"', b"3")]

    run(scenario)


def test_old_changelog_goes_on() -> None:
    async def scenario() -> None:
        headers = (("framework-source", b"1000 5 1 0 flights sums"),)
        log = [message_of(CHANGELOG, 0, key=b'"a"', value=b"1", headers=headers)]
        process = Process(is_fast=True, changelog=log)
        process.process(4, [("b", 1)])
        process.process(5, [("a", 1), ("a", 1)])
        process.process(6, [("a", 1)])
        assert process.contents() == {"a": 3}

    run(scenario)


# --- sensors ----------------------------------------------------------------------------------------------------------


def test_monitor_counts() -> None:
    async def scenario() -> None:
        process = Process(is_fast=True)
        process.app.sensors.add(process.app.monitor)
        process.process(0, [("a", 1), ("b", 1), ("b", None)])
        state = process.app.monitor.tables["totals"]
        assert (state.keys_retrieved, state.keys_updated, state.keys_deleted) == (2, 2, 1)
        heard: list[Any] = []

        class Listener(Monitor):
            def on_table_set(self, table: Any, key: Any, value: Any) -> None:
                heard.append((key, value))

        process.app.sensors.add(Listener())
        process.process(1, [("a", 1)])
        assert (heard, state.keys_updated) == ([("a", 2)], 3)

    run(scenario)
