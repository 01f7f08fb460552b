"""An app whose streams get records by the run, without Kafka.

What is real here is what is tested: the app, its conductor, channels, streams and agents, and the consumer's way of
delivering and committing. The client and its thread are the fakes, and the producer keeps nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from faust.types import TP
from orjson import dumps

from framework import App
from framework.membership.transport import Consumer
from tests.unit.membership.apps import offline_app
from tests.unit.streams.fakes import FLIGHTS, FakeClient, FakeKafka, FakeThread, settle


def raw(offset: int, value: Any = None, *, key: bytes | None = None, headers: Any = (), is_json: bool = True) -> Any:
    """A record as it is in aiokafka's buffers; its value is its offset unless another is given."""
    value = offset if value is None else value
    return SimpleNamespace(
        offset=offset,
        key=key,
        value=dumps(value) if is_json else value,
        timestamp=1000 * offset,
        timestamp_type=0,
        headers=headers,
        checksum=None,
    )


async def do_nothing(*args: Any, **kwargs: Any) -> None:
    """In place of what waits for Kafka."""


class FedConsumer(Consumer):
    """The real consumer on a fake client."""

    _thread: FakeThread

    def __init__(self, app: App, kafka: FakeKafka) -> None:
        self.client = FakeClient(kafka)
        transport = SimpleNamespace(app=app, create_transaction_manager=lambda **kwargs: None, _topic_waiters={})
        super().__init__(transport, do_nothing, do_nothing, do_nothing, loop=asyncio.get_running_loop())

    def _new_consumer_thread(self) -> Any:
        return FakeThread(self, self.client)

    @property
    def thread(self) -> FakeThread:
        """Where positions are set."""
        return self._thread

    async def threadsafe_partitions_assigned(self, loop: Any, assigned: set[TP], generation_id: int = 0) -> None:
        """In Faust by way of another loop."""
        await self.on_partitions_assigned(assigned, generation_id)


class Feeding:
    """One worker.

    Attributes:
        app: the real one.
        crashes: what it was told to crash with.
        committed: `{partition: committed offset}`, as the broker has it.
    """

    def __init__(self, *partitions: TP, **settings: Any) -> None:
        self.app: Any = offline_app(store="memory://", **settings)
        self.partitions = set(partitions or (FLIGHTS,))
        kafka = FakeKafka()
        kafka.offsets = {tp: [] for tp in self.partitions}
        self.committed = kafka.committed
        buffer = SimpleNamespace(size=0, max_messages=100, wait_until_ebb=do_nothing)
        self.app._producer = SimpleNamespace(
            flush=do_nothing, buffer=buffer, create_topic=do_nothing, maybe_start=do_nothing
        )
        self.consumer = self.app._consumer = FedConsumer(self.app, kafka)
        self.consumer.client.assign(self.partitions)
        self.crashes: list[BaseException] = []
        self.app.crash = self._crash
        self.app.flow_control.resume()
        self._tasks: list[asyncio.Task[Any]] = []

    async def _crash(self, reason: BaseException) -> None:
        self.crashes.append(reason)

    async def join(self, position: int = 0) -> None:
        """Take part in the group: everything from the assignment until records may be delivered."""
        self.consumer.client.positions = dict.fromkeys(self.partitions, position)
        await self.consumer.thread.on_partitions_assigned(self.partitions, 1)
        await self.consumer.perform_seek()
        self.consumer.resume_partitions(self.partitions)
        self.consumer.resume_flow()

    async def index(self) -> None:
        """Have the conductor find out which channels get what."""
        await self.app.topics._update_indices()
        await self.app.topics.on_partitions_assigned(self.partitions)

    def feed(self, *records: Any, tp: TP = FLIGHTS) -> None:
        """Deliver one run; a number stands for the record with that offset and value."""
        run = [raw(record) if isinstance(record, int) else record for record in records]
        self.consumer._deliver_run(tp, run, sum(len(record.value or b"") for record in run))

    def end_offset(self, tp: TP = FLIGHTS) -> int | None:
        """The offset behind the last record that was delivered."""
        return self.consumer.ledger._ends.get(tp)

    def committable(self, tp: TP = FLIGHTS) -> int | None:
        """Up to where a commit would go now."""
        return self.consumer.ledger.committable(tp)

    def revoke(self) -> None:
        """A new generation begins: the queues are emptied, as Faust does it, and nothing delivered counts."""
        self.app.flow_control.clear()
        self.app.consumer_generation_id += 1

    async def revoke_in_time(self, seconds: float = 1.5) -> bool:
        """Whether a revoke ends in time; else what it waits for is forgotten: it cannot be cancelled."""
        revoking = asyncio.ensure_future(self.consumer.on_partitions_revoked(self.partitions))
        await asyncio.wait([revoking], timeout=seconds)
        is_done = revoking.done()
        for tp in self.partitions:
            self.consumer.ledger.forget(tp)
        self.consumer.on_finished()
        await revoking
        return is_done

    def stream(self, *, topic: str = "flights", **options: Any) -> Any:
        """A stream on a topic with JSON values."""
        return self.app.stream(self.app.topic(topic, **options))

    def begin(self, body: Any) -> "asyncio.Task[Any]":
        """Run a coroutine beside the test."""
        task = asyncio.ensure_future(body)
        self._tasks.append(task)
        return task

    async def end(self) -> None:
        """Stop all agents and tasks, and raise what a task has died of."""
        for agent in self.app.agents.values():
            await agent.stop()
        for task in self._tasks:
            task.cancel()
        found = await asyncio.gather(*self._tasks, return_exceptions=True)
        await settle(5)
        for error in found:
            if isinstance(error, Exception):
                raise error


@asynccontextmanager
async def fed(*partitions: TP, **settings: Any) -> AsyncIterator[Feeding]:
    """A worker for the time of a test."""
    feeding = Feeding(*partitions, **settings)
    try:
        yield feeding
    finally:
        await feeding.end()


class Loop:
    """A task that loops over a stream, and stays in each body until `go` is open.

    Attributes:
        got: what the bodies got.
    """

    def __init__(self, feeding: Feeding, loop: Any, *, is_open: bool = True) -> None:
        self.got: list[Any] = []
        self.go = asyncio.Event()
        if is_open:
            self.go.set()
        self.task = feeding.begin(self._run(loop))

    async def _run(self, loop: Any) -> None:
        async for value in loop:
            self.got.append(value)
            await self.go.wait()

    async def one_more(self) -> None:
        """Let the body that is running end, and the next one begin."""
        self.go.set()
        self.go.clear()
        await settle(5)


async def looping(feeding: Feeding, loop: Any, **options: Any) -> Loop:
    """Begin a loop, with its channel known."""
    found = Loop(feeding, loop, **options)
    await settle()
    await feeding.index()
    return found


async def start_agent(feeding: Feeding, body: Callable[..., Any], **options: Any) -> Any:
    """Have an agent on the topic run, with its channel known."""
    topic = options.pop("topic", "flights")
    agent = feeding.app.agent(feeding.app.topic(topic), **options)(body)
    await agent.start()
    await settle()
    await feeding.index()
    return agent
