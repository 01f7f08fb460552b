"""Windows close in each partition by themselves, where this worker has it, and their keys leave nothing behind."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from faust.events import Event
from faust.types import TP

from framework.streams.tables import windows
from framework.streams.tables.ends import Ends, end_of
from tests.unit.streams.fakes import run
from tests.unit.streams.tabled import CHANGELOG, SOURCE, Process, message_of

OTHER = TP(CHANGELOG.topic, 1)
FIRST, SECOND = (10.0, 19.9), (20.0, 29.9)
"""Two windows, long over."""

Closed = list[tuple[str, tuple[float, float], int]]


class Windows:
    """A process whose table has windows.

    Attributes:
        closed: what the callback was called with.
        on_close: what it does besides.
    """

    def __init__(self, *, changelog: Iterable[Any] = (), **options: Any) -> None:
        self.process = Process(**options)
        self.closed: Closed = []
        self.on_close: Callable[[Any], Any] = lambda key: None
        self.table: Any = self.process.table
        self.table.tumbling(10, expires=0.1)
        self.table._on_window_close = self._note
        self._offset = -1
        self.process.recover([*changelog])

    def _note(self, key: Any, value: int) -> Any:
        self.closed.append((*key, value))
        return self.on_close(key)

    def set(self, name: str, window: tuple[float, float], value: int | None, *, partition: int = 0) -> None:
        """Have an agent set a key, or delete it."""
        self._offset += 1
        with self.process.turn(self._offset, tp=TP(SOURCE.topic, partition)):
            if value is None:
                del self.table[name, window]
            else:
                self.table[name, window] = value

    async def recovered(self, *tps: TP) -> None:
        """The end of a recovery."""
        await self.table.on_recovery_completed(set(tps), set())

    async def clean(self) -> Closed:
        """What Faust's task does now and then; gives what was closed by it."""
        before = len(self.closed)
        await self.table._del_old_keys()
        return sorted(self.closed[before:])

    async def confirmed(self) -> list[Any]:
        """Have all that was changed confirmed; gives the changelog."""
        await self.process.flush()
        if not all(sent.done() for sent in self.process.sent):
            self.process.confirm(len(self.process.sent))
        return self.process.changelog()

    def left(self) -> dict[Any, Any]:
        """What is in the table, of whichever partition."""
        self.process.app.assignor.assigned_actives = lambda: {CHANGELOG, OTHER}
        items: Any = self.table.items()
        return {(key[0], tuple(key[1])): value for key, value in items}


def written(name: str, window: tuple[float, float], value: int | None, *, tp: TP = CHANGELOG, offset: int = 0) -> Any:
    """A record of the changelog."""
    key = f'["{name}",[{window[0]},{window[1]}]]'.encode()
    return message_of(tp, offset, key=key, value=None if value is None else b"%d" % value)


@pytest.fixture(params=["memory", "rocksdb"])
def folder(request: Any, tmp_path: Path) -> Path | None:
    """The place of the store; None in memory."""
    return tmp_path if request.param == "rocksdb" else None


# --- each partition ---------------------------------------------------------------------------------------------------


def test_each_partition_closes_its_own(folder: Path | None) -> None:
    async def scenario() -> None:
        worker = Windows(folder=folder)
        worker.set("x", FIRST, 7)
        worker.set("y", FIRST, 8, partition=1)
        assert await worker.clean() == [("x", FIRST, 7), ("y", FIRST, 8)]
        assert worker.left() == {}
        worker.process.kill()

    run(scenario)


def test_late_key_of_a_closed_window_is_removed_without_a_word() -> None:
    async def scenario() -> None:
        worker = Windows()
        worker.set("x", SECOND, 1)
        assert await worker.clean() == [("x", SECOND, 1)]
        worker.set("x", FIRST, 1)
        worker.set("y", FIRST, 1, partition=1)
        assert await worker.clean() == [("y", FIRST, 1)], "where no later one was closed"
        worker.set("x", SECOND, 2)
        assert await worker.clean() == []
        assert worker.left() == {}

    run(scenario)


def test_deleted_key_is_not_closed() -> None:
    async def scenario() -> None:
        worker = Windows()
        worker.set("x", FIRST, 1)
        worker.set("x", FIRST, None)
        assert await worker.clean() == []

    run(scenario)


def test_open_window_stays() -> None:
    async def scenario() -> None:
        worker = Windows()
        worker.table.window.expires = 1e10
        worker.set("x", FIRST, 1)
        assert await worker.clean() == []
        assert worker.left() == {("x", FIRST): 1}

    run(scenario)


# --- recovered keys ---------------------------------------------------------------------------------------------------


def test_window_that_was_read_back_closes(folder: Path | None) -> None:
    async def scenario() -> None:
        changelog = [
            written("x", FIRST, 7),
            written("gone", FIRST, 1, offset=1),
            written("gone", FIRST, None, offset=2),
            written("y", FIRST, 8, tp=OTHER),
        ]
        worker = Windows(folder=folder, changelog=changelog)
        assert await worker.clean() == [], "it is being recovered"
        await worker.recovered(CHANGELOG)
        assert await worker.clean() == [("x", FIRST, 7)], "the other partition is somebody else's"
        assert await worker.clean() == []
        worker.process.kill()

    run(scenario)


def test_window_that_is_on_disk_closes(tmp_path: Path) -> None:
    async def scenario() -> None:
        worker = Windows(folder=tmp_path)
        for number in range(3 * windows.LOOK):
            worker.set(f"k{number}", FIRST, number)
        worker.set("x", SECOND, 1)
        worker.process.confirm(len(worker.process.sent))
        worker.process.kill()

        again = Windows(folder=tmp_path)
        again.process.first = len(worker.process.sent)
        await again.recovered(CHANGELOG)
        closed = await again.clean()
        assert len(closed) == 3 * windows.LOOK + 1
        assert ("x", SECOND, 1) in closed
        await again.confirmed()
        again.process.kill()
        assert Windows(folder=tmp_path).left() == {}

    run(scenario)


def test_key_on_disk_that_cannot_be_read_does_not_keep_others_from_expiring(tmp_path: Path) -> None:
    async def scenario() -> None:
        worker = Windows(folder=tmp_path, changelog=[written("x", FIRST, 7)])
        worker.table.data.write(0, b"[no JSON", b"1")
        worker.table.data.write(0, b'"below the windows"', b"1")
        await worker.recovered(CHANGELOG)
        assert await worker.clean() == [("x", FIRST, 7)]
        worker.process.kill()

    run(scenario)


def test_what_a_shadow_has_read_closes_when_it_has_the_seat(folder: Path | None) -> None:
    async def scenario() -> None:
        worker = Windows(folder=folder)
        await worker.recovered(OTHER)
        worker.process.recover([written("x", FIRST, 7)])
        assert await worker.clean() == []
        await worker.recovered(CHANGELOG, OTHER)
        assert await worker.clean() == [("x", FIRST, 7)]
        worker.process.kill()

    run(scenario)


@pytest.mark.parametrize("state", ["in_recovery", "rebalancing"])
def test_nothing_closes_while_values_are_set_back_or_partitions_go(state: str) -> None:
    async def scenario() -> None:
        worker = Windows()
        worker.set("x", FIRST, 7)
        setattr(worker.process.app, state, True)
        assert await worker.clean() == []
        setattr(worker.process.app, state, False)
        assert await worker.clean() == [("x", FIRST, 7)]

    run(scenario)


def test_window_that_was_closed_here_is_not_closed_again_when_it_is_read_back() -> None:
    async def scenario() -> None:
        worker = Windows(changelog=[written("x", FIRST, 7)])
        await worker.recovered(CHANGELOG)
        assert await worker.clean() == [("x", FIRST, 7)]
        worker.process.app.tables.forget(CHANGELOG)
        worker.process.recover([written("x", FIRST, 7), written("x", SECOND, 8, offset=1)])
        await worker.recovered(CHANGELOG)
        assert await worker.clean() == [("x", SECOND, 8)]
        assert worker.left() == {}

    run(scenario)


def test_followed_partition_of_a_global_table_is_closed_when_it_is_ours() -> None:
    """All have all partitions of it as active ones, and follow those of others."""

    async def scenario() -> None:
        worker = Windows(kind="GlobalTable", changelog=[written("x", FIRST, 7)])
        await worker.table.on_recovery_completed({CHANGELOG, OTHER}, {CHANGELOG})
        assert await worker.clean() == []
        await worker.table.on_recovery_completed({CHANGELOG, OTHER}, {OTHER})
        assert await worker.clean() == [("x", FIRST, 7)]

    run(scenario)


def test_each_closes_its_own_where_several_write() -> None:
    async def scenario() -> None:
        worker = Windows(kind="GlobalTable")
        worker.table.use_partitioner = True
        worker.table.partition_for_key = lambda key: 0
        worker.process.recover([written("x", FIRST, 7)])
        await worker.table.on_recovery_completed({CHANGELOG, OTHER}, {CHANGELOG, OTHER})
        worker.set("y", FIRST, 8)
        assert await worker.clean() == [("y", FIRST, 8)]

    run(scenario)


# --- what the changelog is told ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_fast", [True, False])
def test_what_has_closed_does_not_close_again(*, is_fast: bool, folder: Path | None) -> None:
    async def scenario() -> None:
        worker = Windows(folder=folder, is_fast=is_fast)
        worker.set("x", FIRST, 7)
        if is_fast:
            await worker.process.flush()
        assert await worker.clean() == [("x", FIRST, 7)]
        changelog = await worker.confirmed()
        assert [record.value for record in changelog] == [b"7", None]
        assert worker.left() == {}
        worker.process.kill()
        again = Windows(folder=folder, changelog=changelog)
        await again.recovered(CHANGELOG)
        assert await again.clean() == []
        assert again.left() == {}
        again.process.kill()

    run(scenario)


@pytest.mark.parametrize("is_fast", [True, False])
@pytest.mark.parametrize("kind", ["Table", "GlobalTable"])
def test_window_may_close_before_anything_is_set(*, kind: str, is_fast: bool, folder: Path | None) -> None:
    async def scenario() -> None:
        recovered = [written("x", FIRST, 7), written("y", FIRST, 8, offset=1)]
        worker = Windows(kind=kind, folder=folder, is_fast=is_fast, changelog=recovered)
        worker.process.first = len(recovered)
        await worker.recovered(CHANGELOG)
        assert await worker.clean() == [("x", FIRST, 7), ("y", FIRST, 8)]
        assert worker.left() == {}
        told = await worker.confirmed()
        assert sorted(record.key for record in told) == [b'["x",[10.0,19.9]]', b'["y",[10.0,19.9]]']
        assert [record.value for record in told] == [None, None]
        assert worker.left() == {}, "nor when it is confirmed"
        worker.process.kill()

    run(scenario)


@pytest.mark.parametrize("is_fast", [True, False])
def test_first_change_may_be_the_removal_of_a_late_key(*, is_fast: bool, folder: Path | None) -> None:
    async def scenario() -> None:
        worker = Windows(folder=folder, is_fast=is_fast, changelog=[written("x", FIRST, 7)])
        worker.table._closed[0] = FIRST[0]
        worker.process.first = 1
        await worker.recovered(CHANGELOG)
        assert await worker.clean() == [], "its window was closed before it was read back"
        assert [record.value for record in await worker.confirmed()] == [None]
        assert worker.left() == {}
        worker.process.kill()

    run(scenario)


@pytest.mark.parametrize("is_fast", [True, False])
def test_window_in_whose_callback_a_worker_has_died_closes_again(*, is_fast: bool, folder: Path | None) -> None:
    async def scenario() -> None:
        worker = Windows(folder=folder, is_fast=is_fast)
        worker.set("x", FIRST, 7)
        worker.on_close = lambda _: asyncio.sleep(60)
        await worker.confirmed()
        dying = asyncio.ensure_future(worker.clean())
        await asyncio.sleep(0.01)
        changelog = await worker.confirmed()
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        worker.process.kill()
        again = Windows(folder=folder, changelog=changelog)
        await again.recovered(CHANGELOG)
        assert await again.clean() == [("x", FIRST, 7)]
        again.process.kill()

    run(scenario)


def test_key_that_is_set_while_the_callback_waits_is_late(folder: Path | None) -> None:
    async def scenario() -> None:
        worker = Windows(folder=folder, is_fast=True)
        worker.set("x", FIRST, 7)

        async def set_again(_: Any) -> None:
            worker.set("x", FIRST, 8)

        worker.on_close = set_again
        assert await worker.clean() == [("x", FIRST, 7)]
        assert worker.left() == {}, "it has gone without a word"
        assert (await worker.confirmed())[-1].value is None
        worker.process.kill()

    run(scenario)


@pytest.mark.parametrize("value", [7, 0, 1.5, True, "", "text", "t\u00e9xt\x7f", [1, 2]])
def test_key_whose_change_is_confirmed_while_the_callback_waits_goes(value: Any, folder: Path | None) -> None:
    async def scenario() -> None:
        worker = Windows(folder=folder, is_fast=True)
        worker.set("x", FIRST, value)
        worker.on_close = lambda _: worker.confirmed()
        assert await worker.clean() == [("x", FIRST, value)]
        assert [record.value is None for record in await worker.confirmed()] == [False, True]
        assert worker.left() == {}
        worker.process.kill()

    run(scenario)


def test_key_whose_change_is_sent_while_the_callback_waits_goes(folder: Path | None) -> None:
    async def scenario() -> None:
        worker = Windows(folder=folder, is_fast=True)
        worker.set("x", FIRST, 7)
        worker.on_close = lambda _: worker.process.app.tables.flush()
        assert await worker.clean() == [("x", FIRST, 7)]
        assert worker.left() == {}
        await worker.process.confirm_posted(1)
        assert worker.left() == {}
        assert [record.value for record in await worker.confirmed()] == [b"7", None]
        assert worker.left() == {}
        worker.process.kill()

    run(scenario)


@pytest.mark.parametrize("is_flushed", [True, False])
def test_same_value_that_is_set_while_the_callback_waits_is_late(*, is_flushed: bool, folder: Path | None) -> None:
    async def scenario() -> None:
        worker = Windows(folder=folder, is_fast=True)
        worker.set("x", FIRST, 7)

        async def set_again(_: Any) -> None:
            worker.set("x", FIRST, 7)
            if is_flushed:
                await worker.confirmed()

        worker.on_close = set_again
        assert await worker.clean() == [("x", FIRST, 7)]
        assert await worker.clean() == []
        assert worker.left() == {}, "it has gone without a word"
        assert (await worker.confirmed())[-1].value is None
        worker.process.kill()

    run(scenario)


def test_partition_that_goes_while_the_callback_waits_is_not_written_to() -> None:
    async def scenario() -> None:
        worker = Windows(is_fast=True)
        worker.set("x", FIRST, 7)
        await worker.confirmed()
        worker.on_close = lambda _: worker.process.app.tables.forget(CHANGELOG)
        assert await worker.clean() == [("x", FIRST, 7)]
        assert [record.value for record in await worker.confirmed()] == [b"7"]

    run(scenario)


def test_in_a_transaction_nobody_is_told_and_nothing_that_was_read_closes(folder: Path | None) -> None:
    async def scenario() -> None:
        worker = Windows(folder=folder)
        worker.process.app.in_transaction = True
        worker.process.recover([written("y", FIRST, 8)])
        await worker.recovered(CHANGELOG)
        worker.set("x", FIRST, 7)
        if folder is None:
            assert await worker.clean() == [("x", FIRST, 7)]
        sent = len(worker.process.sent)
        await worker.clean()
        assert len(worker.process.sent) == sent
        worker.process.kill()

    run(scenario)


# --- a rebalance or a recovery begins while the callback waits --------------------------------------------------------


@pytest.mark.parametrize("is_fast", [True, False])
@pytest.mark.parametrize("state", ["in_recovery", "rebalancing"])
def test_what_has_closed_is_told_when_it_has_ended(*, state: str, is_fast: bool, folder: Path | None) -> None:
    async def scenario() -> None:
        recovered = [written("x", FIRST, 7)]
        worker = Windows(folder=folder, is_fast=is_fast, changelog=recovered)
        worker.process.first = 1
        await worker.recovered(CHANGELOG)
        worker.on_close = lambda _: setattr(worker.process.app, state, True)
        assert await worker.clean() == [("x", FIRST, 7)]
        assert await worker.clean() == []
        assert await worker.confirmed() == [], "the partition may go to somebody else"
        setattr(worker.process.app, state, False)
        await worker.recovered(CHANGELOG)
        assert await worker.clean() == []
        told = await worker.confirmed()
        assert [(record.key, record.value) for record in told] == [(b'["x",[10.0,19.9]]', None)]
        assert worker.left() == {}
        assert await worker.clean() == []
        assert len(await worker.confirmed()) == 1, "once"
        worker.process.kill()

    run(scenario)


def test_key_that_is_read_back_until_then_goes_all_the_same(folder: Path | None) -> None:
    async def scenario() -> None:
        recovered = [written("x", FIRST, 7)]
        worker = Windows(folder=folder, is_fast=True, changelog=recovered)
        worker.process.first = 1
        await worker.recovered(CHANGELOG)
        worker.on_close = lambda _: setattr(worker.process.app, "rebalancing", True)
        assert await worker.clean() == [("x", FIRST, 7)]
        worker.process.recover(recovered)
        worker.process.app.rebalancing = False
        await worker.recovered(CHANGELOG)
        assert await worker.clean() == []
        assert [record.value for record in await worker.confirmed()] == [None]
        assert worker.left() == {}
        worker.process.kill()

    run(scenario)


@pytest.mark.parametrize("value", [7, 8])
@pytest.mark.parametrize("is_waiting", [True, False])
def test_key_that_is_set_until_it_has_ended_is_late(*, value: int, is_waiting: bool, folder: Path | None) -> None:
    async def scenario() -> None:
        def begin(_: Any) -> None:
            worker.process.app.rebalancing = True
            if is_waiting:
                worker.set("x", FIRST, value)

        worker = Windows(folder=folder, is_fast=True)
        worker.set("x", FIRST, 7)
        worker.on_close = begin
        assert await worker.clean() == [("x", FIRST, 7)]
        if not is_waiting:
            worker.set("x", FIRST, value)
        worker.process.app.rebalancing = False
        await worker.recovered(CHANGELOG)
        assert worker.left() == {("x", FIRST): value}
        assert await worker.clean() == []
        assert worker.left() == {}, "it has gone without a word"
        assert (await worker.confirmed())[-1].value is None
        worker.process.kill()

    run(scenario)


@pytest.mark.parametrize("when", ["while it waits", "later"])
def test_partition_that_goes_then_is_not_written_to(*, when: str, folder: Path | None) -> None:
    async def scenario() -> None:
        def begin(_: Any) -> None:
            worker.process.app.rebalancing = True
            if when == "while it waits":
                worker.process.app.tables.forget(CHANGELOG)

        worker = Windows(folder=folder, is_fast=True)
        worker.set("x", FIRST, 7)
        await worker.confirmed()
        worker.on_close = begin
        assert await worker.clean() == [("x", FIRST, 7)]
        if when == "later":
            worker.process.app.tables.forget(CHANGELOG)
        worker.process.app.rebalancing = False
        await worker.recovered(OTHER)
        assert await worker.clean() == []
        assert [record.value for record in await worker.confirmed()] == [b"7"]
        worker.process.kill()

    run(scenario)


@pytest.mark.parametrize("when", ["while it waits", "later"])
def test_nor_is_one_that_is_followed_from_then_on(when: str) -> None:
    """All have all partitions of a global table as active ones, and follow those of others."""

    async def scenario() -> None:
        async def begin(_: Any) -> None:
            worker.process.app.rebalancing = True
            if when == "while it waits":
                await worker.table.on_recovery_completed({CHANGELOG}, {CHANGELOG})

        worker = Windows(kind="GlobalTable", is_fast=True)
        await worker.table.on_recovery_completed({CHANGELOG}, set())
        worker.set("x", FIRST, 7)
        await worker.confirmed()
        worker.on_close = begin
        assert await worker.clean() == [("x", FIRST, 7)]
        worker.process.app.rebalancing = False
        if when == "later":
            await worker.table.on_recovery_completed({CHANGELOG}, {CHANGELOG})
        assert await worker.clean() == []
        await worker.table.on_recovery_completed({CHANGELOG}, set())
        assert await worker.clean() == []
        assert [record.value for record in await worker.confirmed()] == [b"7"]

    run(scenario)


def test_in_a_transaction_it_is_on_disk_until_then(tmp_path: Path) -> None:
    async def scenario() -> None:
        worker = Windows(folder=tmp_path)
        worker.process.app.in_transaction = True
        worker.set("x", FIRST, 7)
        worker.process.confirm(1)
        worker.on_close = lambda _: setattr(worker.process.app, "rebalancing", True)
        assert await worker.clean() == [("x", FIRST, 7)]
        assert worker.left() == {("x", FIRST): 7}
        worker.process.app.rebalancing = False
        assert await worker.clean() == []
        assert worker.left() == {}
        assert len(worker.process.sent) == 1, "the changelog is not told"
        worker.process.kill()

    run(scenario)


# --- partitions that were given up ------------------------------------------------------------------------------------


def test_partition_that_was_given_up_is_closed_by_others(folder: Path | None) -> None:
    async def scenario() -> None:
        worker = Windows(folder=folder)
        worker.set("x", FIRST, 7)
        worker.set("y", FIRST, 8, partition=1)
        worker.process.app.tables.forget(CHANGELOG)
        await worker.recovered(OTHER)
        assert await worker.clean() == [("y", FIRST, 8)]
        worker.process.kill()

    run(scenario)


def test_so_is_one_that_recovery_does_not_bring_back(folder: Path | None) -> None:
    async def scenario() -> None:
        worker = Windows(folder=folder)
        worker.set("x", FIRST, 7)
        await worker.recovered(OTHER)
        assert await worker.clean() == []
        worker.process.kill()

    run(scenario)


def test_database_that_was_closed_is_not_opened_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        worker = Windows(folder=tmp_path)
        worker.set("x", FIRST, 7)
        worker.process.kill()
        assert await worker.clean() == []
        assert worker.table.data._dbs == {}

    run(scenario)


def test_partition_may_go_while_a_callback_waits() -> None:
    async def scenario() -> None:
        async def give_up(_: Any) -> None:
            worker.process.app.tables.forget(CHANGELOG)

        worker = Windows()
        worker.on_close = give_up
        worker.set("x", FIRST, 7)
        worker.set("y", FIRST, 8)
        assert len(await worker.clean()) == 1
        assert len(worker.left()) == 1, "the store drops it at the end of the recovery"

    run(scenario)


def test_recovery_may_begin_while_a_callback_waits() -> None:
    async def scenario() -> None:
        async def begin(_: Any) -> None:
            worker.process.app.in_recovery = True
            worker.set("z", FIRST, 9)

        worker = Windows()
        worker.on_close = begin
        worker.set("x", FIRST, 7)
        worker.set("y", FIRST, 8)
        first = await worker.clean()
        assert len(first) == 1
        worker.process.app.in_recovery = False
        worker.on_close = lambda _: None
        assert sorted(first + await worker.clean()) == [("x", FIRST, 7), ("y", FIRST, 8), ("z", FIRST, 9)]

    run(scenario)


# --- callbacks --------------------------------------------------------------------------------------------------------


def test_partition_may_get_its_first_key_while_a_callback_waits() -> None:
    async def scenario() -> None:
        async def first_of_another(_: Any) -> None:
            worker.set("new", FIRST, 1, partition=5)
            await asyncio.sleep(0)

        worker = Windows()
        worker.on_close = first_of_another
        worker.set("x", FIRST, 7)
        worker.set("y", FIRST, 8, partition=1)
        assert await worker.clean() == [("x", FIRST, 7), ("y", FIRST, 8)]
        worker.on_close = lambda _: None
        assert await worker.clean() == [("new", FIRST, 1)]

    run(scenario)


def test_key_may_be_deleted_while_a_callback_waits() -> None:
    async def scenario() -> None:
        async def delete_the_other(key: Any) -> None:
            with suppress(KeyError):
                worker.set("y" if key[0] == "x" else "x", FIRST, None)

        worker = Windows()
        worker.on_close = delete_the_other
        worker.set("x", FIRST, 7)
        worker.set("y", FIRST, 8)
        assert len(await worker.clean()) == 1

    run(scenario)


@pytest.mark.parametrize("error", [TypeError("no number"), asyncio.CancelledError("what it waited for")])
def test_callback_that_fails_is_logged_with_its_key(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async def fail(_: Any) -> None:
            raise error

        worker = Windows()
        worker.on_close = fail
        worker.set("x", FIRST, 7)
        worker.set("y", FIRST, 8)
        assert await worker.clean() == [("x", FIRST, 7), ("y", FIRST, 8)]
        assert worker.left() == {}

    run(scenario)
    said = sorted(record.getMessage() for record in caplog.records if record.levelname == "ERROR")
    assert [("'x', (10.0, 19.9)" in text, CHANGELOG.topic in text) for text in said] == [(True, True), (False, True)]


def test_callback_may_be_cancelled_from_outside() -> None:
    async def scenario() -> None:
        worker = Windows()
        worker.on_close = lambda _: asyncio.sleep(60)
        worker.set("x", FIRST, 7)
        task = asyncio.ensure_future(worker.clean())
        while not worker.closed:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(scenario)


# --- what is kept -----------------------------------------------------------------------------------------------------


def test_key_is_kept_once_however_often_it_changes() -> None:
    async def scenario() -> None:
        worker = Windows()
        for number in range(100):
            worker.set("x", FIRST, number)
        ends = worker.table._ends[0]
        assert ends._heap == [FIRST[1]]
        assert ends.take() == {("x", FIRST)}

    run(scenario)


def test_event_loop_has_its_turns(monkeypatch: pytest.MonkeyPatch, folder: Path | None) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(windows, "TURN", -1.0)
        monkeypatch.setattr(windows, "LOOK", 1)
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        worker = Windows(folder=folder)
        for number in range(20):
            worker.set(f"k{number}", (10.0 * number, 10.0 * number + 9.9), number)
        worker.process.confirm(20)
        counting = asyncio.ensure_future(count())
        await worker.clean()
        counting.cancel()
        assert turns >= 20
        worker.process.kill()

    run(scenario)


@pytest.mark.parametrize("is_fast", [True, False])
def test_places_of_keys_go_with_the_keys(*, is_fast: bool) -> None:
    async def scenario() -> None:
        process = Process(is_fast=is_fast)
        for offset, amount in enumerate((1, None)):
            process.process(offset, [("a", amount)])
            await process.flush()
        assert process.table.data._key_partition == {}
        process.process(2, [("a", 1), ("b", 1), ("b", None)])
        await process.flush()
        assert process.table.data._key_partition == {"a": 0}
        process.kill()

    run(scenario)


@pytest.mark.parametrize("is_fast", [True, False])
@pytest.mark.parametrize("is_flushed", [True, False])
def test_places_of_keys_go_when_they_expire(*, is_fast: bool, is_flushed: bool) -> None:
    async def scenario() -> None:
        worker = Windows(is_fast=is_fast)
        worker.set("x", FIRST, 7)
        if is_flushed:
            await worker.process.flush()
        assert await worker.clean() == [("x", FIRST, 7)]
        await worker.process.flush()
        assert worker.table.data._key_partition == {}

    run(scenario)


def test_expired_key_does_not_come_back_with_what_was_on_its_way(tmp_path: Path) -> None:
    async def scenario() -> None:
        worker = Windows(is_fast=True, folder=tmp_path)
        worker.set("x", FIRST, 7)
        await worker.process.app.tables.flush()
        worker.set("x", FIRST, 8)
        assert await worker.clean() == [("x", FIRST, 8)]
        await worker.process.confirm_posted(1)
        await worker.process.flush()
        assert worker.left() == {}
        worker.process.kill()

    run(scenario)


def test_what_is_put_back_is_with_what_came_meanwhile() -> None:
    ends = Ends(is_tended=True, is_complete=True)
    ends.add(2.0, "b")
    ends.add(1.0, "a")
    taken = ends.take()
    ends.put_back(1.0, taken)
    assert ends.take() == {"a"}
    ends.add(1.0, "c")
    ends.put_back(1.0, taken)
    assert (ends.first, ends.take(), ends.take(), ends.first) == (1.0, {"a", "c"}, {"b"}, None)


@pytest.mark.parametrize("key", ["ab", 1, None, ("a", "bc"), ("a", ("b", "c")), ("a", "b", "c"), (("a", ["b"]), FIRST)])
def test_key_without_a_window_has_no_end(key: Any) -> None:
    assert end_of(key) is None


def test_recovered_key_without_a_window_stays() -> None:
    async def scenario() -> None:
        worker = Windows()
        message = message_of(CHANGELOG, 0, key=b'"plain"', value=b"1")
        worker.table.apply_changelog_batch([Event(worker.process.app, "plain", 1, {}, message)])
        await worker.recovered(CHANGELOG)
        assert await worker.clean() == []
        assert worker.table.data["plain"] == 1

    run(scenario)
