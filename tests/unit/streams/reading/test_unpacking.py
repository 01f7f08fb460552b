"""Runs out of the client's buffers: the records that it would give itself, and the same position behind them."""

from itertools import islice
from typing import Any

import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED
from aiokafka.structs import TopicPartition

from framework.streams.reading import unpacking
from framework.streams.reading.corrupt import Corrupt
from framework.streams.reading.unpacking import take
from tests.unit.streams.batch_bytes import FLIGHTS, GZIP, Batch, FakeFetcher, joined, legacy
from tests.unit.streams.fakes import run

OTHER = TopicPartition("flights", 1)


def take_offsets(fetcher: FakeFetcher, partitions: Any = None, corrupt: Corrupt | None = None) -> list[int]:
    """Offsets of the run that is there, none if there is none."""
    singles, runs = take(fetcher, partitions, lambda tp: True, corrupt or Corrupt())
    assert not singles
    records, size = runs.get(FLIGHTS, ([], 0))
    assert size == sum(len(record.value) for record in records)
    return [record.offset for record in records]


class TestRun:
    def test_is_what_is_in_the_batches(self) -> None:
        async def scenario() -> None:
            fetcher = FakeFetcher()
            fetcher.hold(joined(Batch(5, (0, 1)), Batch(7, (0,))), 5)
            _, runs = take(fetcher, None, lambda tp: True, Corrupt())
            records, size = runs[FLIGHTS]
            assert [(record.offset, record.key, record.value) for record in records] == [
                (5, b"k", b"v5"),
                (6, b"k", b"v6"),
                (7, b"k", b"v7"),
            ]
            assert (records[0].timestamp, records[0].timestamp_type, records[0].headers) == (1000, 0, [("h", b"1")])
            assert size == 6

        run(scenario)

    def test_moves_the_position_and_makes_room(self) -> None:
        async def scenario() -> None:
            fetcher = FakeFetcher()
            fetcher.hold(joined(Batch(5, (0, 1))), 5)
            assert take_offsets(fetcher) == [5, 6]
            assert (fetcher.position(), fetcher._records, fetcher.notified) == (7, {}, 1)

        run(scenario)

    @pytest.mark.parametrize("compression", [0, GZIP])
    def test_is_unpacked_in_pieces(self, compression: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """Between two of them other threads go on."""

        async def scenario() -> None:
            pieces: list[int] = []

            def noted(records: Any, count: int) -> Any:
                pieces.append(count)
                return islice(records, count)

            monkeypatch.setattr(unpacking, "PIECE", 2)
            monkeypatch.setattr(unpacking, "islice", noted)
            fetcher = FakeFetcher()
            fetcher.hold(joined(Batch(0, range(5), compression=compression)))
            assert take_offsets(fetcher) == [0, 1, 2, 3, 4]
            assert pieces == [2, 2, 2, 2]

        run(scenario)

    def test_ends_with_the_batch_that_reaches_the_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def scenario() -> None:
            monkeypatch.setattr(unpacking, "RUN", 3)
            fetcher = FakeFetcher()
            fetcher.hold(joined(Batch(0, (0, 1)), Batch(2, (0, 1)), Batch(4, (0,))))
            assert take_offsets(fetcher) == [0, 1, 2, 3]
            assert (fetcher.position(), fetcher.notified) == (4, 0)
            assert take_offsets(fetcher) == [4]
            assert (fetcher.position(), fetcher.notified) == (5, 1)

        run(scenario)

    def test_ends_with_the_batch_that_reaches_the_bytes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def scenario() -> None:
            monkeypatch.setattr(unpacking, "RUN_BYTES", 4)
            fetcher = FakeFetcher()
            fetcher.hold(joined(Batch(0, (0, 1)), Batch(2, (0, 1))))
            assert take_offsets(fetcher) == [0, 1]

        run(scenario)

    def test_batch_that_begins_before_the_position(self) -> None:
        async def scenario() -> None:
            fetcher = FakeFetcher()
            fetcher.hold(joined(Batch(0, (0, 1, 2, 3)), Batch(4, (0,))), 2)
            assert take_offsets(fetcher) == [2, 3, 4]

        run(scenario)

    def test_batch_whose_rest_was_compacted_away(self) -> None:
        async def scenario() -> None:
            fetcher = FakeFetcher()
            fetcher.hold(joined(Batch(0, (0, 1), last=9)), 5)
            assert take_offsets(fetcher) == []
            assert (fetcher.position(), fetcher._records) == (10, {})

        run(scenario)

    def test_gaps_of_compaction(self) -> None:
        async def scenario() -> None:
            fetcher = FakeFetcher()
            fetcher.hold(joined(Batch(0, (1, 4), last=7), Batch(20, (0, 5))))
            assert take_offsets(fetcher) == [1, 4, 20, 25]
            assert fetcher.position() == 26

        run(scenario)

    def test_control_batches_are_passed(self) -> None:
        async def scenario() -> None:
            fetcher = FakeFetcher()
            fetcher.hold(joined(Batch(0, (0,)), Batch(1, (0,), is_control=True), Batch(2, (0,))))
            assert take_offsets(fetcher) == [0, 2]

        run(scenario)

    def test_control_batch_alone(self) -> None:
        async def scenario() -> None:
            fetcher = FakeFetcher()
            fetcher.hold(joined(Batch(4, (0,), is_control=True)), 4)
            assert take_offsets(fetcher) == []
            assert (fetcher.position(), fetcher._records, fetcher.notified) == (5, {}, 1)

        run(scenario)

    @pytest.mark.parametrize("magic", [0, 1])
    @pytest.mark.parametrize("compression", [0, GZIP])
    def test_old_formats(self, magic: int, compression: int) -> None:
        async def scenario() -> None:
            fetcher = FakeFetcher()
            fetcher.hold(legacy((0, 1, 2), magic=magic, compression=compression), 1)
            assert take_offsets(fetcher) == [1, 2]
            assert fetcher.position() == 3

        run(scenario)


class TestWhatIsNotTaken:
    def test_partition_that_is_not_wanted_stays(self) -> None:
        async def scenario() -> None:
            fetcher = FakeFetcher(FLIGHTS, OTHER)
            fetcher.hold(joined(Batch(0, (0,))))
            fetcher.hold(joined(Batch(0, (0,))), tp=OTHER)
            assert take_offsets(fetcher, {FLIGHTS}) == [0]
            assert list(fetcher._records) == [OTHER]
            assert fetcher.position(OTHER) == 0

        run(scenario)

    def test_partition_that_is_not_assigned_any_more_goes(self) -> None:
        async def scenario() -> None:
            fetcher = FakeFetcher()
            fetcher.hold(joined(Batch(0, (0,))))
            fetcher._records[OTHER] = fetcher._records.pop(FLIGHTS)
            assert take_offsets(fetcher, {FLIGHTS}) == []
            assert fetcher._records == {}

        run(scenario)

    @pytest.mark.parametrize("change", [FakeFetcher.pause, lambda fetcher: fetcher.seek(1)])
    def test_position_was_set_or_the_partition_paused(self, change: Any) -> None:
        async def scenario() -> None:
            fetcher = FakeFetcher()
            fetcher.hold(joined(Batch(0, (0, 1))))
            change(fetcher)
            before = fetcher.position()
            assert take_offsets(fetcher) == []
            assert (fetcher.position(), fetcher._records) == (before, {})

        run(scenario)

    def test_assignment_has_ended(self) -> None:
        async def scenario() -> None:
            fetcher = FakeFetcher()
            fetcher.hold(joined(Batch(0, (0,))))
            fetcher.assignment._unassign()
            assert take_offsets(fetcher) == []

        run(scenario)

    def test_changelogs_and_transactions_are_taken_as_the_client_has_them(self) -> None:
        async def scenario() -> None:
            fetcher = FakeFetcher(FLIGHTS, OTHER)
            fetcher.hold(joined(Batch(0, (0,))), isolation=READ_COMMITTED)
            fetcher.hold(joined(Batch(3, (0,))), 3, tp=OTHER)
            singles, runs = take(fetcher, None, lambda tp: tp != OTHER, Corrupt())
            assert {tp: [(r.topic, r.offset) for r in records] for tp, records in singles.items()} == {
                FLIGHTS: [("flights", 0)],
                OTHER: [("flights", 3)],
            }
            assert not runs
            assert (fetcher.position(), fetcher.position(OTHER), fetcher._records) == (1, 4, {})

        run(scenario)
