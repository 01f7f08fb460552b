"""Batches that are corrupt and what brokers complain of, and any layout of batches against the client's own way."""

import asyncio
from typing import Any

import pytest
from aiokafka.consumer.fetcher import FetchError
from aiokafka.errors import CorruptRecordException, TopicAuthorizationFailedError
from hypothesis import given
from hypothesis import strategies as st

from framework.streams.reading import corrupt as corrupt_batches
from framework.streams.reading.corrupt import Corrupt
from framework.streams.reading.unpacking import take
from tests.unit.streams.batch_bytes import FLIGHTS, GZIP, Batch, FakeFetcher, corrupt, joined
from tests.unit.streams.fakes import run
from tests.unit.streams.reading.test_unpacking import OTHER, take_offsets

GOOD, BAD = bytes(Batch(0, (0, 1)).to_bytes()), bytes(corrupt(Batch(2, (0,)).to_bytes()))


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> "Clock":
    """Time passes when a test says so."""
    found = Clock()
    monkeypatch.setattr(corrupt_batches, "monotonic", lambda: found.now)
    return found


class Clock:
    """What `monotonic` says."""

    now = 100.0


class Refetching:
    """A fetcher whose partition `flights[0]` cannot be read on at offset 2."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.corrupt = clock, Corrupt()
        self.fetcher = FakeFetcher(FLIGHTS, OTHER)

    def find(self, *, busy: bool = False) -> list[int]:
        """Take once; the client has fetched what it may fetch. Returns what the neighbour got."""
        if FLIGHTS not in self.fetcher._records:
            self.fetcher.hold(BAD, 2)
        if busy:
            self.fetcher.hold(GOOD, tp=OTHER)
            self.fetcher._records.move_to_end(OTHER, last=False)
        singles, runs = take(self.fetcher, None, lambda tp: True, self.corrupt)
        assert (singles, self.fetcher.position(), runs.keys() - {OTHER}) == ({}, 2, set())
        return [record.offset for record in runs.get(OTHER, ([], 0))[0]]

    def find_for(self, seconds: float, *, busy: bool = False) -> None:
        ends_at = self.clock.now + seconds
        while self.clock.now < ends_at:
            assert self.find(busy=busy) == ([0, 1] if busy else [])
            self.clock.now += 0.1


class TestCorruptBatch:
    def test_those_before_it_come_first(self) -> None:
        async def scenario() -> None:
            fetcher = FakeFetcher()
            fetcher.hold(GOOD + BAD)
            assert take_offsets(fetcher) == [0, 1]
            assert (fetcher.position(), fetcher._records) == (2, {})

        run(scenario)

    def test_is_fetched_again_after_a_pause(self, clock: Clock) -> None:
        async def scenario() -> None:
            fetcher, corrupt = FakeFetcher(), Corrupt()
            fetcher.hold(BAD, 2)
            for _ in range(3):
                assert take_offsets(fetcher, corrupt=corrupt) == []
                assert (fetcher.position(), fetcher.notified) == (2, 0)
            clock.now += corrupt_batches.PAUSE
            assert take_offsets(fetcher, corrupt=corrupt) == []
            assert (fetcher._records, fetcher.notified) == ({}, 1)
            fetcher.hold(bytes(Batch(2, (0,)).to_bytes()), 2)
            assert take_offsets(fetcher, corrupt=corrupt) == [2]

        run(scenario)

    @pytest.mark.parametrize("busy", [True, False])
    def test_that_stays_so_ends_the_worker_whatever_its_neighbours_have(self, busy: bool, clock: Clock) -> None:
        async def scenario() -> None:
            refetching = Refetching(clock)
            refetching.find_for(corrupt_batches.PATIENCE, busy=busy)
            with pytest.raises(CorruptRecordException, match=r"flights\[0\]@2"):
                refetching.find_for(2 * corrupt_batches.PAUSE, busy=busy)

        run(scenario)

    def test_that_is_rarely_looked_at_has_some_tries(self, clock: Clock) -> None:
        async def scenario() -> None:
            refetching = Refetching(clock)
            refetching.find()
            for _ in range(corrupt_batches.TRIES - 1):
                clock.now += 100.0
                refetching.find()
                refetching.find()
            with pytest.raises(CorruptRecordException):
                refetching.find()

        run(scenario)

    def test_one_after_another_is_another(self, clock: Clock) -> None:
        async def scenario() -> None:
            refetching = Refetching(clock)
            refetching.find_for(4.0)
            refetching.corrupt.add(FLIGHTS, 7)
            clock.now += 4.0
            refetching.corrupt.add(FLIGHTS, 7)
            refetching.corrupt.add(FLIGHTS, 7)
            refetching.corrupt.raise_if_it_stays()

        run(scenario)

    def test_that_was_read_in_between_begins_anew(self, clock: Clock) -> None:
        async def scenario() -> None:
            refetching = Refetching(clock)
            refetching.find_for(4.0)
            refetching.fetcher.hold(GOOD)
            take(refetching.fetcher, None, lambda tp: True, refetching.corrupt)
            refetching.fetcher._records.clear()
            refetching.find_for(4.0)

        run(scenario)

    def test_somebody_who_has_left_it_behind_goes_on(self, clock: Clock) -> None:
        async def scenario() -> None:
            refetching = Refetching(clock)
            refetching.find_for(4.0)
            refetching.fetcher._records.clear()
            clock.now += 100.0
            assert take_offsets(refetching.fetcher, corrupt=refetching.corrupt) == []

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
            singles, runs = take(fetcher, None, lambda tp: by_run, Corrupt())
            assert list(runs if by_run else singles) == [FLIGHTS]
            with pytest.raises(TopicAuthorizationFailedError):
                take(fetcher, None, lambda tp: by_run, Corrupt())

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
        _, runs = take(ours, None, lambda tp: True, Corrupt())
        records, _ = runs.get(FLIGHTS, ([], 0))
        assert [(record.offset, record.key, record.value, tuple(record.headers)) for record in records] == expected
        assert ours.position() == theirs.position()

    asyncio.run(scenario())
