"""Positions that a log does not have: said with their place, and once however often an assignment comes upon them."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.protocol.fetch import FetchRequest
from structlog.testing import capture_logs

from framework.streams.reading import out_of_range
from framework.streams.reading.out_of_range import ONCE_WITHIN, RangeWatch
from tests.unit.streams.fakes import run

TP = TopicPartition("flights", 1)
OK, OUT_OF_RANGE = 0, 1


class Fetching:
    """A fetcher's side of a `RangeWatch`: where a partition is, and what the broker answers. The broker is a fake."""

    def __init__(self, reset: str = "latest") -> None:
        self.subscription = SubscriptionState()
        self.subscription.subscribe({TP.topic})
        self.assign()
        self.code = OUT_OF_RANGE
        self.while_in_flight = lambda: None
        self.watch = RangeWatch(self, self.subscription, reset)

    def assign(self) -> None:
        """A rebalance: the position of before counts no more."""
        self.subscription.assign_from_subscribed({TP})

    def seek(self, offset: int) -> None:
        self.subscription.subscription.assignment.state_value(TP).seek(offset)

    async def send(self, node_id: int, request: Any) -> Any:
        """The client's."""
        self.while_in_flight()
        return SimpleNamespace(topics=[(TP.topic, [(TP.partition, self.code, 10)])])

    async def fetch_at(self, offset: int) -> list[int]:
        """Go to a place and fetch once; gives the offsets that were said."""
        self.seek(offset)
        request = FetchRequest(500, 1, 1000, 0, [(TP.topic, [(TP.partition, offset, 1000)])])
        with capture_logs() as logs:
            await self.watch.send(1, request)
        for line in logs:
            assert (line["event"], line["log_level"]) == ("delivery.out_of_range", "warning")
            assert (line["topic"], line["partition"]) == TP
        return [line["offset"] for line in logs]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Time passes when a test says so."""
    found = SimpleNamespace(now=100.0)
    monkeypatch.setattr(out_of_range, "monotonic", lambda: found.now)
    return found


def test_position_that_is_there_is_not_spoken_of() -> None:
    async def scenario() -> None:
        fetching = Fetching()
        fetching.code = OK
        assert await fetching.fetch_at(5) == []

    run(scenario)


def test_each_place_is_said_once() -> None:
    """Also when a rebalance came in between."""

    async def scenario() -> None:
        fetching = Fetching()
        assert await fetching.fetch_at(500) == [500]
        fetching.seek(10)
        assert await fetching.fetch_at(500) == []
        fetching.assign()
        assert await fetching.fetch_at(500) == []
        assert await fetching.fetch_at(501) == [501]

    run(scenario)


def test_same_place_is_said_again_later(clock: SimpleNamespace) -> None:
    """What came in between may not have been read either."""

    async def scenario() -> None:
        fetching = Fetching()
        assert await fetching.fetch_at(500) == [500]
        clock.now += ONCE_WITHIN + 0.1
        assert await fetching.fetch_at(500) == [500]

    run(scenario)


def test_answer_that_does_not_count_is_not_spoken_of() -> None:
    """aiokafka throws it away, too."""

    async def scenario() -> None:
        fetching = Fetching()
        fetching.while_in_flight = lambda: fetching.seek(7)
        assert await fetching.fetch_at(500) == []
        fetching.while_in_flight = fetching.subscription.unsubscribe
        assert await fetching.fetch_at(500) == []

    run(scenario)


def test_none_raises_by_itself() -> None:
    async def scenario() -> None:
        assert await Fetching("none").fetch_at(500) == []

    run(scenario)
