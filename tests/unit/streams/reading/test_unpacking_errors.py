"""Batches that are corrupt and what brokers complain of, and any layout of batches against the client's own way."""

import asyncio
from typing import Any

import pytest
from aiokafka.consumer.fetcher import FetchError
from aiokafka.errors import CorruptRecordException, TopicAuthorizationFailedError
from hypothesis import given
from hypothesis import strategies as st

from framework.streams.reading.unpacking import take
from tests.unit.streams.batch_bytes import FLIGHTS, GZIP, Batch, FakeFetcher, corrupt, joined
from tests.unit.streams.fakes import run
from tests.unit.streams.reading.test_unpacking import OTHER, take_offsets

GOOD, BAD = bytes(Batch(0, (0, 1)).to_bytes()), bytes(corrupt(Batch(2, (0,)).to_bytes()))


class TestCorruptBatch:
    def test_those_before_it_come_first_and_then_the_error(self) -> None:
        async def scenario() -> None:
            fetcher = FakeFetcher()
            fetcher.hold(GOOD + BAD)
            assert take_offsets(fetcher) == [0, 1]
            assert (fetcher.position(), fetcher._records) == (2, {})
            fetcher.hold(BAD, 2)
            with pytest.raises(CorruptRecordException):
                take_offsets(fetcher)
            assert fetcher.position() == 2

        run(scenario)

    def test_is_fetched_again_after_the_error(self) -> None:
        async def scenario() -> None:
            fetcher = FakeFetcher()
            fetcher.hold(BAD, 2)
            with pytest.raises(CorruptRecordException):
                take_offsets(fetcher)
            assert take_offsets(fetcher) == []
            assert (fetcher.position(), fetcher._records) == (2, {})

        run(scenario)

    def test_takes_no_other_partitions_records_along(self) -> None:
        async def scenario() -> None:
            fetcher = FakeFetcher(FLIGHTS, OTHER)
            fetcher.hold(GOOD)
            fetcher.hold(BAD, 2, tp=OTHER)
            assert take_offsets(fetcher) == [0, 1]
            # It is fetched again, and alone.
            fetcher.hold(BAD, 2, tp=OTHER)
            with pytest.raises(CorruptRecordException):
                take_offsets(fetcher)

        run(scenario)

    def test_is_taken_where_nobody_checks(self) -> None:
        async def scenario() -> None:
            fetcher = FakeFetcher()
            data = Batch(0, (0,)).to_bytes()
            data[17] ^= 0xFF
            fetcher.hold(bytes(data), checks=False)
            assert take_offsets(fetcher) == [0]

        run(scenario)


class TestErrorOfTheBroker:
    def test_is_raised_once_and_the_partition_fetched_again(self) -> None:
        async def scenario() -> None:
            fetcher = FakeFetcher()
            fetcher._records[FLIGHTS] = FetchError(error=TopicAuthorizationFailedError("flights"), backoff=0)
            with pytest.raises(TopicAuthorizationFailedError):
                take_offsets(fetcher)
            assert take_offsets(fetcher) == []
            assert fetcher.notified == 1

        run(scenario)

    @pytest.mark.parametrize("by_run", [True, False])
    def test_records_of_others_come_first(self, by_run: bool) -> None:
        async def scenario() -> None:
            fetcher = FakeFetcher(FLIGHTS, OTHER)
            fetcher.hold(GOOD)
            fetcher._records[OTHER] = FetchError(error=TopicAuthorizationFailedError("flights"), backoff=0)
            singles, runs = take(fetcher, None, lambda tp: by_run)
            assert list(runs if by_run else singles) == [FLIGHTS]
            with pytest.raises(TopicAuthorizationFailedError):
                take(fetcher, None, lambda tp: by_run)

        run(scenario)


@st.composite
def batches(draw: Any) -> list[Batch]:
    """Batches of any size with any gaps in and between them, compressed or not, control batches among them."""
    found: list[Batch] = []
    base = 0
    for _ in range(draw(st.integers(1, 5))):
        base += draw(st.sampled_from((0, 0, 3)))
        deltas = sorted(draw(st.sets(st.integers(0, 6), min_size=1)))
        last = draw(st.sampled_from((None, 6)))
        is_control, compression = draw(st.booleans()), draw(st.sampled_from((0, GZIP)))
        found.append(Batch(base, deltas, last, is_control=is_control, compression=0 if is_control else compression))
        base += (deltas[-1] if last is None else last) + 1
    return found


@given(layout=batches(), position=st.integers(0, 40), data=st.data())
def test_any_layout_gives_what_the_client_gives(layout: list[Batch], position: int, data: Any) -> None:
    async def scenario() -> None:
        ours, theirs = FakeFetcher(), FakeFetcher()
        for fetcher in (ours, theirs):
            fetcher.hold(joined(*layout), position)
        (result,) = theirs._records.values()
        expected = [(record.offset, record.key, record.value, record.headers) for record in result.getall()]
        _, runs = take(ours, None, lambda tp: True)
        records, _ = runs.get(FLIGHTS, ([], 0))
        assert [(record.offset, record.key, record.value, tuple(record.headers)) for record in records] == expected
        assert ours.position() == theirs.position()

    asyncio.run(scenario())
