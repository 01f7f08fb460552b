"""What Faust's watch over commits makes of a partition that has no position at this moment."""

import time
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.subscription_state import SubscriptionState

from framework.streams.reading.fetching import FetchingThread
from tests.unit.streams.fakes import FLIGHTS, run


@pytest.mark.parametrize("is_assigned", [True, False])
def test_partition_without_a_position_does_not_end_the_worker(is_assigned: bool) -> None:
    """Its position is being reset, or it was taken away while Faust goes over all of them."""

    async def scenario() -> None:
        subscriptions = SubscriptionState()
        subscriptions.subscribe({FLIGHTS.topic})
        subscriptions.assign_from_subscribed({TopicPartition(*FLIGHTS)} if is_assigned else set())
        thread: Any = FetchingThread.__new__(FetchingThread)
        app = SimpleNamespace(monitor=object(), topics=SimpleNamespace(acks_enabled_for=lambda _: True))
        thread.consumer = SimpleNamespace(app=app)
        thread.time_started = time.monotonic()
        thread._verify_aiokafka_event_path = lambda now, tp: False
        thread._ensure_consumer = lambda: SimpleNamespace(_fetcher=SimpleNamespace(_subscriptions=subscriptions))
        thread.verify_event_path(time.monotonic(), FLIGHTS)

    run(scenario)
