"""What the lease holds back: no event comes into an agent's body, and no record leaves, while it is not held."""

import asyncio
import struct
import time
from types import SimpleNamespace
from typing import Any

import faust
import pytest
from aiokafka.client import ConnectionGroup
from aiokafka.producer import AIOKafkaProducer
from aiokafka.protocol.admin import ApiVersionRequest
from aiokafka.protocol.produce import ProduceRequest_v0

from framework import App
from framework.streams.holding import Stream, hold_back
from framework.streams.lease import Lease
from framework.streams.sending.producing import Producer
from tests.unit.membership.apps import offline_app
from tests.unit.streams.fakes import run
from tests.unit.streams.leases import let_go_on, let_lapse


class TestStream:
    def test_app_has_it(self) -> None:
        assert isinstance(offline_app().stream([1]), Stream)

    def test_what_is_derived_of_it_has_it_too(self) -> None:
        assert isinstance(offline_app().stream([1]).clone(), Stream)

    @pytest.mark.parametrize("iterator", ["_c_aiter", "_py_aiter"])
    def test_event_waits_for_the_lease_before_the_body(self, iterator: str) -> None:
        async def scenario() -> None:
            app = with_consumer(offline_app())
            stream = app.stream(values(1, 2, 3))
            bodies: list[int] = []

            async def agent() -> None:
                async for value in getattr(stream, iterator)():
                    bodies.append(value)
                    if value == 1:
                        let_lapse(app.lease)

            working = asyncio.ensure_future(agent())
            await asyncio.sleep(0.05)
            assert bodies == [1]
            let_go_on(app.lease)
            async with asyncio.timeout(5.0):
                while bodies != [1, 2, 3]:
                    await asyncio.sleep(0.005)
            working.cancel()
            await asyncio.wait([working])

        run(scenario)

    def test_join_still_merges(self) -> None:
        async def scenario() -> None:
            stream = offline_app().stream([1])

            async def process(value: int) -> int:
                return value + 1

            stream.join_strategy = SimpleNamespace(process=process)
            assert await stream.on_merge(1) == 2

        run(scenario)


def with_consumer(app: App) -> App:
    """Faust's iterators want a consumer, also where the values come from elsewhere."""
    app._consumer = SimpleNamespace(unacked=set(), _unacked_messages=set())
    app.flow_control.resume()
    return app


async def values(*numbers: int) -> Any:
    for number in numbers:
        yield number
    await asyncio.Event().wait()


class FakeWriter:
    """A fake of a connection's writer: keeps what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)


class FakeClient:
    """Connects when `reachable` is open."""

    def __init__(self) -> None:
        self.reachable = asyncio.Event()
        self.reachable.set()
        self.connects = 0
        self.connection = SimpleNamespace(_writer=FakeWriter())
        self._conns = {(1, ConnectionGroup.DEFAULT): self.connection}

    async def ready(self, _node_id: int) -> bool:
        self.connects += 1
        await self.reachable.wait()
        return True


class Sending:
    """A client whose requests are only noted."""

    def __init__(self, lease: Lease) -> None:
        self.client = FakeClient()
        self.sent: list[int] = []
        self.sender = SimpleNamespace(client=self.client, _send_produce_req=self._send)
        hold_back(SimpleNamespace(_sender=self.sender), lease)  # type: ignore[arg-type]

    async def _send(self, node_id: int, batches: Any) -> None:
        self.sent.append(node_id)

    def begin(self) -> "asyncio.Task[None]":
        return asyncio.ensure_future(self.sender._send_produce_req(1, {}))


class TestProducer:
    def test_sends_at_once_without_a_duration(self) -> None:
        async def scenario() -> None:
            sending = Sending(Lease())
            await sending.begin()
            assert sending.sent == [1]
            assert sending.client.connects == 0

        run(scenario)

    def test_waits_for_the_lease(self) -> None:
        async def scenario() -> None:
            lease = Lease()
            let_lapse(lease)
            sending = Sending(lease)
            under_way = sending.begin()
            await asyncio.sleep(0.05)
            assert sending.sent == []
            let_go_on(lease)
            await under_way
            assert sending.sent == [1]

        run(scenario)

    def test_waits_for_a_lease_that_is_withheld(self) -> None:
        async def scenario() -> None:
            lease = Lease()
            lease.withhold()
            sending = Sending(lease)
            under_way = sending.begin()
            await asyncio.sleep(0.05)
            assert sending.sent == []
            lease.release(time.monotonic())
            await under_way
            assert sending.sent == [1]

        run(scenario)

    def test_lease_that_ends_while_it_connects(self) -> None:
        async def scenario() -> None:
            lease = Lease()
            lease.set_duration(60.0, time.monotonic())
            sending = Sending(lease)
            sending.client.reachable.clear()
            under_way = sending.begin()
            await asyncio.sleep(0.02)
            let_go_on(lease)
            let_lapse(lease)
            sending.client.reachable.set()
            await asyncio.sleep(0.05)
            assert sending.sent == []
            let_go_on(lease)
            await under_way
            assert sending.sent == [1]

        run(scenario)

    def test_lease_that_ends_between_the_look_and_the_write(self) -> None:
        """As that of a process which is paused there; other requests than those with records pass."""
        records, others = ProduceRequest_v0.API_KEY, ApiVersionRequest.API_KEY

        def request(kind: int) -> bytes:
            return struct.pack(">ih", 100, kind) + b"rest"

        async def scenario() -> None:
            lease = Lease()
            lease.set_duration(60.0, time.monotonic())
            sending = Sending(lease)
            written = sending.client.connection._writer.written
            await sending.begin()
            await sending.begin()
            writer = sending.client.connection._writer
            writer.write(request(records))
            let_go_on(lease)
            let_lapse(lease)
            writer.write(request(others))
            with pytest.raises(OSError, match="lease"):
                writer.write(request(records))
            assert written == [request(records), request(others)]
            assert writer.written is written, "the rest is the writer's own, which is wrapped once"

        run(scenario)

    def test_each_client_of_the_app_keeps_to_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def scenario() -> None:
            app = offline_app()
            sent: list[int] = []

            async def send(_sender: Any, node_id: int, _batches: Any) -> None:
                sent.append(node_id)

            monkeypatch.setattr("aiokafka.producer.sender.Sender._send_produce_req", send)
            monkeypatch.setattr("aiokafka.client.AIOKafkaClient.ready", lambda *_: asyncio.sleep(0, True))
            let_lapse(app.lease)
            for transactional_id in (None, "t"):
                client = Producer(app._new_producer_transport())._new_producer(transactional_id)
                assert isinstance(client, AIOKafkaProducer)
                under_way = asyncio.ensure_future(client._sender._send_produce_req(7, {}))
                await asyncio.sleep(0.03)
                assert sent == []
                under_way.cancel()
                client._closed = True

        run(scenario)


def test_held_lease_costs_an_event_next_to_nothing() -> None:
    """Less than a microsecond more than Faust's own step, on a machine that is busy with other things."""

    async def scenario() -> None:
        ours = offline_app().stream([1])
        plain = faust.Stream([1], app=ours.app)

        async def best_of(stream: Any) -> float:
            found = []
            for _ in range(7):
                began = time.perf_counter()
                for _ in range(2000):
                    await stream.on_merge(1)
                found.append((time.perf_counter() - began) / 2000)
            return min(found)

        assert await best_of(ours) - await best_of(plain) < 1e-6

    run(scenario)
