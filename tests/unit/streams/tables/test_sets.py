"""A table of sets on disk is the one in memory."""

from pathlib import Path
from typing import Any

from tests.unit.streams.fakes import run
from tests.unit.streams.tabled import CHANGELOG, Process


def filled(folder: Path) -> Process:
    process = Process(folder=folder, kind="SetTable")
    with process.turn(0):
        process.table["a"].add(1)
        process.table["a"].add(2)
        process.table["a"].discard(1)
        process.table["b"].update({3, 4})
    return process


async def contents(process: Process) -> dict[str, Any]:
    process.app.assignor.assigned_actives = lambda: {CHANGELOG}  # type: ignore[method-assign]
    await process.table.on_recovery_completed({CHANGELOG}, set())
    return {key: set(process.table[key]) for key in ("a", "b")}


def test_last_element_is_on_disk(tmp_path: Path) -> None:
    async def scenario() -> None:
        process = filled(tmp_path)
        process.confirm(len(process.sent))
        records = process.changelog()
        process.kill()
        again = Process(changelog=records, folder=tmp_path, kind="SetTable")
        assert again.table.persisted_offset(CHANGELOG) == 3
        assert await contents(again) == {"a": {2}, "b": {3, 4}}
        again.kill()

    run(scenario)


def test_recovered_contents_are_on_disk_and_not_replaced_by_what_was(tmp_path: Path) -> None:
    async def scenario() -> None:
        process = filled(tmp_path / "one")
        records = process.changelog()
        process.kill()
        recovered = Process(changelog=records[:2], folder=tmp_path / "two", kind="SetTable")
        recovered.kill()
        tail = Process(changelog=records, folder=tmp_path / "two", kind="SetTable")
        assert await contents(tail) == {"a": {2}, "b": {3, 4}}
        tail.kill()
        again = Process(changelog=records, folder=tmp_path / "two", kind="SetTable")
        assert await contents(again) == {"a": {2}, "b": {3, 4}}
        again.kill()

    run(scenario)


def test_in_memory_a_recovery_is_not_undone() -> None:
    async def scenario() -> None:
        first = Process(kind="SetTable")
        with first.turn(0):
            first.table["a"].add(1)
            first.table["a"].add(2)
        owner = Process(kind="SetTable")
        with owner.turn(0):
            owner.table["a"].add(1)
        owner.recover(first.changelog())  # somebody else has had the partition meanwhile
        await owner.table.on_recovery_completed({CHANGELOG}, set())
        assert set(owner.table["a"]) == {1, 2}

    run(scenario)
