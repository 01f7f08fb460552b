"""Monitors count the same by the chunk as event by event, and whoever has to hear of each event does."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from faust.exceptions import DecodeError
from faust.sensors.base import Sensor
from faust.sensors.monitor import Monitor
from faust.sensors.prometheus import FaustMetrics, PrometheusMonitor
from prometheus_client import CollectorRegistry

from framework.streams.agents.counting import count_in_bulk
from framework.streams.reading.runs import Slice
from tests.unit.streams.agents.test_agent import Failing, settled
from tests.unit.streams.fakes import FLIGHTS, run, settle
from tests.unit.streams.feeding import Feeding, fed, looping, raw, start_agent


class EachEvent(Monitor):
    """Faust's own way, because it might look at each event."""


class EachEventToPrometheus(PrometheusMonitor):
    """The same for Prometheus."""


def numbers(monitor: Monitor) -> dict[str, Any]:
    """What a monitor has counted; names of streams and tasks aside, which differ."""
    return {
        "messages_received_total": monitor.messages_received_total,
        "messages_received_by_topic": dict(monitor.messages_received_by_topic),
        "messages_active": monitor.messages_active,
        "tp_read_offsets": dict(monitor.tp_read_offsets),
        "events_total": monitor.events_total,
        "events_active": monitor.events_active,
        "events_by_stream": sorted(monitor.events_by_stream.values()),
        "events_by_task": sorted(monitor.events_by_task.values()),
        "inbound": sorted(monitor.stream_inbound_time),
    }


def samples(registry: CollectorRegistry) -> dict[Any, float]:
    """All numbers of Prometheus; those that are times aside."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if not sample.name.endswith(("_created", "_sum", "_bucket"))
    }


def active(registry: CollectorRegistry) -> tuple[Any, Any]:
    """What Prometheus has of messages and events that are being processed."""
    names = ("flights_active_messages", "flights_total_active_events")
    messages, events = (registry.get_sample_value(name) for name in names)
    return messages, events


async def a_few(feeding: Feeding) -> None:
    """Two channels, of which one filters, and several runs."""
    await looping(feeding, feeding.stream())
    await looping(feeding, feeding.stream().filter(lambda value: value != 1))
    feeding.feed(0, 1, 2)
    feeding.feed(3, 7)
    await settle()


async def an_undecodable_one(feeding: Feeding) -> None:
    stream = feeding.stream()

    async def body() -> None:
        for _ in range(2):
            try:
                async for _ in stream:
                    pass
            except DecodeError:
                pass

    feeding.begin(body())
    await settle()
    await feeding.index()
    feeding.feed(0, raw(1, b"{", is_json=False), 2)
    await settle()


async def acked_by_hand(feeding: Feeding) -> None:
    await acking(feeding, feeding.stream().noack())


async def acked_twice(feeding: Feeding) -> None:
    """By the body and by the loop."""
    await acking(feeding, feeding.stream())


async def acking(feeding: Feeding, stream: Any) -> None:
    async def body() -> None:
        async for event in stream.events():
            await stream.ack(event)

    feeding.begin(body())
    await settle()
    await feeding.index()
    feeding.feed(0, 1, 2)
    await settle()
    assert feeding.committable() == 3


async def acked_after_one_more(feeding: Feeding) -> None:
    stream = feeding.stream().noack()
    kept: list[Any] = []

    async def body() -> None:
        async for event in stream.events():
            event.message.incref()
            kept.append(event)

    feeding.begin(body())
    await settle()
    await feeding.index()
    feeding.feed(0, 1)
    await settle()
    for event in kept:
        assert not await stream.ack(event)
        assert await stream.ack(event)


async def a_failing_one(feeding: Feeding) -> None:
    """A body that fails and has the record again."""
    failing = Failing(v1=2)
    await start_agent(feeding, failing.body)
    feeding.feed(0, 1, 2)
    await settled(feeding)
    assert failing.got == [0, 1, 1, 1, 2]


async def one_in_hand(feeding: Feeding) -> None:
    await looping(feeding, feeding.stream(), is_open=False)
    feeding.feed(0)
    await settle()


async def counted(monitor: Any, case: Callable[[Feeding], Any]) -> None:
    async with fed() as feeding:
        feeding.app.sensors.add(monitor)
        await case(feeding)


CASES = [a_few, an_undecodable_one, acked_by_hand, acked_twice, acked_after_one_more, a_failing_one]


@pytest.mark.parametrize("case", CASES)
def test_monitor(case: Any) -> None:
    async def scenario() -> None:
        found = []
        for monitor in (Monitor(), EachEvent()):
            await counted(monitor, case)
            found.append(numbers(monitor))
        assert found[0] == found[1]
        assert found[0]["events_total"] > 0
        assert found[0]["messages_active"] == found[0]["events_active"] == 0

    run(scenario)


@pytest.mark.parametrize("case", CASES)
def test_prometheus(case: Any) -> None:
    async def scenario() -> None:
        found = []
        for kind in (PrometheusMonitor, EachEventToPrometheus):
            registry = CollectorRegistry()
            monitor = kind(metrics=FaustMetrics.create(registry, "flights"))
            await counted(monitor, case)
            found.append((numbers(monitor), samples(registry)))
        assert found[0] == found[1]
        assert active(registry) == (0, 0)

    run(scenario)


def test_one_that_is_in_hand_is_active() -> None:
    async def scenario() -> None:
        for monitor in (Monitor(), EachEvent()):
            async with fed() as feeding:
                feeding.app.sensors.add(monitor)
                await one_in_hand(feeding)
                assert (monitor.events_active, monitor.messages_active) == (1, 1)

    run(scenario)


def test_those_in_a_list_are_active_no_longer_than_it_takes_to_list_them() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            monitor = Monitor()
            feeding.app.sensors.add(monitor)
            await looping(feeding, feeding.stream().take(2, within=0))
            feeding.feed(0, 1, 2, 3)
            await settle()
            assert (monitor.events_total, monitor.messages_received_total) == (4, 4)
            assert (monitor.events_active, monitor.messages_active) == (0, 0)

    run(scenario)


@pytest.mark.parametrize("how", ["a processor fails", "cancelled"])
def test_list_that_is_never_full_leaves_nothing_active(how: str) -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            registry = CollectorRegistry()
            monitor = PrometheusMonitor(metrics=FaustMetrics.create(registry, "flights"))
            feeding.app.sensors.add(monitor)
            stream, reached = feeding.stream(), asyncio.Event()

            async def process(value: int) -> int:
                if value == 1 and how == "cancelled":
                    reached.set()
                    await asyncio.get_running_loop().create_future()
                elif value == 1:
                    raise ValueError("bad 1")
                return value

            stream.add_processor(process)
            listing = asyncio.ensure_future(anext(stream.take(3, within=0)))
            await settle()
            await feeding.index()
            feeding.feed(0, 1, 2)
            await settle()
            listing.cancel()
            with pytest.raises((ValueError, asyncio.CancelledError)):
                await listing
            assert (monitor.events_active, monitor.messages_active, monitor.events_total) == (0, 0, 1)
            assert active(registry) == (0, 0)

    run(scenario)


def test_mean_of_the_time_that_bodies_took() -> None:
    async def scenario() -> None:
        async with fed() as feeding:
            monitor = Monitor()
            feeding.app.sensors.add(monitor)
            counting = count_in_bulk(feeding.app.sensors, feeding.stream(), Slice(FLIGHTS, [raw(0)], 1))
            assert counting is not None
            counting.count(4, 10, 2.0)
            counting.count(4, 0, 1.0)
            assert list(monitor.events_runtime) == [0.2]

    run(scenario)


class Hearing(Sensor):
    """Notes all it hears of events and messages."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[Any, ...]] = []

    def on_message_in(self, tp: Any, offset: int, message: Any) -> None:
        self.heard.append(("message in", offset))

    def on_stream_event_in(self, tp: Any, offset: int, stream: Any, event: Any) -> Any:
        self.heard.append(("in", offset, event.value))
        return {"at": offset}

    def on_stream_event_out(self, tp: Any, offset: int, stream: Any, event: Any, state: Any = None) -> None:
        self.heard.append(("out", offset, state))

    def on_message_out(self, tp: Any, offset: int, message: Any) -> None:
        self.heard.append(("message out", offset))

    @classmethod
    def all_of(cls, offset: int) -> list[tuple[Any, ...]]:
        """What it hears of a record that one stream has."""
        state = {"at": offset}
        return [("message in", offset), ("in", offset, offset), ("out", offset, state), ("message out", offset)]


class TestSensorOfTheUsers:
    def test_hears_of_each_event(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                sensor = Hearing()
                feeding.app.sensors.add(sensor)
                await looping(feeding, feeding.stream())
                feeding.feed(0, 1)
                await settle()
                assert sensor.heard == Hearing.all_of(0) + Hearing.all_of(1)

        run(scenario)

    def test_hears_of_those_in_a_list(self) -> None:
        """Not of their end, as in Faust, which takes them as events that nobody acknowledges."""

        async def scenario() -> None:
            async with fed() as feeding:
                sensor = Hearing()
                feeding.app.sensors.add(sensor)
                await looping(feeding, feeding.stream().take(2, within=0))
                feeding.feed(0, 1)
                await settle()
                assert sensor.heard == Hearing.all_of(0)[:2] + Hearing.all_of(1)[:2]

        run(scenario)

    def test_hears_the_end_of_one_whose_loop_was_left(self) -> None:
        async def scenario() -> None:
            async with fed() as feeding:
                sensor = Hearing()
                feeding.app.sensors.add(sensor)
                stream = feeding.stream()

                async def body() -> None:
                    async for _ in stream:
                        break

                feeding.begin(body())
                await settle()
                await feeding.index()
                feeding.feed(0)
                await settle()
                assert sensor.heard == Hearing.all_of(0)

        run(scenario)
