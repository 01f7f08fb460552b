"""A database on disk holds its changelog up to the stored offset, and agents see what is on its way as well."""

from pathlib import Path

from faust.types import TP

from tests.unit.streams.fakes import run
from tests.unit.streams.tabled import CHANGELOG, Process, message_of


def on_disk(process: Process) -> dict[bytes, bytes]:
    """What a process that comes now would find, bookkeeping aside."""
    db = process.table.data._dbs[0]
    return {key: value for key, value in db.items() if not key.startswith(b"__")}


def test_change_is_on_disk_when_the_changelog_has_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        process = Process(folder=tmp_path)
        process.process(0, [("a", 1), ("b", 2)])
        assert on_disk(process) == {}
        assert process.table.persisted_offset(CHANGELOG) is None
        process.confirm(1)
        assert on_disk(process) == {b'"a"': b"1"}
        assert process.table.persisted_offset(CHANGELOG) == 0
        assert process.contents() == {"a": 1, "b": 2}
        process.kill()

    run(scenario)


def test_agents_see_what_is_on_its_way(tmp_path: Path) -> None:
    async def scenario() -> None:
        process = Process(folder=tmp_path)
        process.process(0, [("a", 1), ("b", 1)])
        process.confirm(2)
        process.sent.clear()
        process.process(1, [("a", 10), ("b", None), ("c", 5)])
        with process.turn(2):
            assert process.table["a"] == 11
            assert "b" not in process.table
            assert "c" in process.table
        assert process.contents() == {"a": 11, "c": 5}
        assert sorted(process.table.keys()) == ["a", "c"]
        assert sorted(process.table.values()) == [5, 11]
        assert len(process.table) == 2
        process.kill()

    run(scenario)


def test_two_changes_of_a_key_on_their_way(tmp_path: Path) -> None:
    async def scenario() -> None:
        process = Process(folder=tmp_path)
        process.process(0, [("a", 1), ("a", 10)])
        process.confirm(1)
        assert on_disk(process) == {b'"a"': b"1"}
        assert process.contents() == {"a": 11}
        process.kill()

    run(scenario)


def test_late_confirmation_does_not_undo_what_was_read_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        process = Process(folder=tmp_path)
        process.process(0, [("a", 1)])
        process.recover([*process.changelog(), message_of(CHANGELOG, 1, key=b'"a"', value=b"7")])
        process.confirm(1)
        assert on_disk(process) == {b'"a"': b"7"}
        assert process.table.persisted_offset(CHANGELOG) == 1
        assert process.contents() == {"a": 7}
        process.kill()

    run(scenario)


def test_confirmation_after_the_partition_was_given_up_opens_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        process = Process(folder=tmp_path)
        process.process(0, [("a", 1)])
        process.table.data._dbs[0].close()
        process.table.data.revoke_partitions(process.table, {CHANGELOG})
        process.confirm(1)
        assert process.table.data._dbs == {}

    run(scenario)


def test_expired_key_does_not_come_back_with_its_confirmation(tmp_path: Path) -> None:
    async def scenario() -> None:
        process = Process(folder=tmp_path)
        process.process(0, [("a", 1)])
        process.table.data.pop("a")  # as the cleaning of closed windows does it
        assert process.contents() == {}
        process.confirm(1)
        assert process.contents() == {}
        assert process.table.persisted_offset(CHANGELOG) == 0
        process.kill()

    run(scenario)


def test_bookkeeping_does_not_grow_with_the_events(tmp_path: Path) -> None:
    async def scenario() -> None:
        process = Process(folder=tmp_path)
        for offset in range(20):
            process.process(offset, [("a", 1), ("b", 1), ("a", 1)])
        process.confirm(len(process.sent))
        names = [key for key in process.table.data._dbs[0].keys() if key.startswith(b"__framework")]  # noqa: SIM118
        assert len(names) == 3, "two keys, and up to where everything is in"
        process.kill()

    run(scenario)


def test_partition_that_is_not_ours_any_more_is_closed(tmp_path: Path) -> None:
    async def scenario() -> None:
        process = Process(folder=tmp_path)
        process.process(0, [("a", 1)])
        process.confirm(1)
        process.app.tables.forget_all_but({TP(CHANGELOG.topic, 1)})
        assert process.table.data._dbs == {}
        assert process.app.tables.sources.known() == set()
        again = process.table.data
        again._db_for_partition(0)
        assert process.app.tables.sources.known() == {CHANGELOG}
        process.kill()

    run(scenario)


def test_so_is_that_of_a_table_of_sets(tmp_path: Path) -> None:
    async def scenario() -> None:
        process = Process(folder=tmp_path, kind="SetTable")
        with process.turn(0):
            process.table["a"].add(1)
        assert process.table.data.storage._dbs.keys() == {0}
        process.app.tables.applied[CHANGELOG] = 0
        process.app.tables.forget_all_but(set())
        assert process.table.data.storage._dbs == {}
        process.kill()

    run(scenario)
