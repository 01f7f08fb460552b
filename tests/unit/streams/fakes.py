"""Fakes: an in-memory Kafka, aiokafka's consumer in front of it, and the app around Faust's consumer.

What is real here is what is tested: `FetchingThread` and the consumer on top of it. The thread is none: its calls run
as tasks of their own on the same loop, and as in another thread they go on when the caller is cancelled.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import nullcontext, suppress
from types import SimpleNamespace
from typing import Any

from aiokafka.errors import IllegalStateError
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from framework.membership.transport import Consumer
from framework.streams.reading.fetching import Fetched, FetchingThread

FLIGHTS = TP("flights", 0)
CHANGELOG = TP("totals-changelog", 0)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a test that is a coroutine; fails when it hangs."""
    asyncio.run(asyncio.wait_for(scenario(), 10.0))  # type: ignore[arg-type]


async def settle(turns: int = 60) -> None:
    """Let everything run until it waits for somebody else."""
    for _ in range(turns):
        await asyncio.sleep(0)


class FakeKafka:
    """A fake of the broker: what outlives a worker.

    Attributes:
        offsets: `{partition: offsets that hold a record, ascending}`; those missing in between were compacted away.
        committed: `{partition: committed offset}`.
    """

    def __init__(self, **partitions: Iterable[int]) -> None:
        self.offsets = {TP(topic, 0): sorted(offsets) for topic, offsets in partitions.items()}
        self.committed: dict[TP, int] = {}


class FakeClient:
    """A fake of `AIOKafkaConsumer`, its fetcher and its subscriptions in one.

    Attributes:
        batch: how many records the next fetch may give; None for all there are.
        answering: open while the broker answers questions for committed offsets and commits.
    """

    _closed = False
    _max_poll_records: int | None = None

    def __init__(self, kafka: FakeKafka) -> None:
        self.kafka = kafka
        self.positions: dict[TP, int] = {}
        self.paused: set[TP] = set()
        self.batch: int | None = None
        self.answering = asyncio.Event()
        self.answering.set()
        self._fetcher = self._subscriptions = self

    def assign(self, partitions: Iterable[TP]) -> None:
        self.positions = {tp: self.kafka.committed.get(tp, 0) for tp in partitions}
        self.paused = set()

    def assignment(self) -> set[TP]:
        return set(self.positions)

    def pause(self, tp: Any) -> None:
        self.paused.add(TP(*tp))

    def resume(self, tp: Any) -> None:
        self.paused.discard(TP(*tp))

    def seek(self, tp: Any, offset: int) -> None:
        if tp not in self.positions:
            raise IllegalStateError(f"{tp} is not assigned")
        self.positions[tp] = offset

    async def position(self, tp: Any) -> int:
        return self.positions[tp]

    def highwater(self, tp: Any) -> int:
        assert tp in self.positions, "Partition is not assigned"
        return max(self.kafka.offsets[tp], default=-1) + 1

    async def committed(self, tp: Any) -> int | None:
        await self.answering.wait()
        return self.kafka.committed.get(tp)

    async def commit(self, offsets: Mapping[Any, Any]) -> None:
        await self.answering.wait()
        self.kafka.committed.update({TP(*tp): entry.offset for tp, entry in offsets.items()})

    def fetch_context(self) -> Any:
        return nullcontext()

    async def fetched_records(self, partitions: set[TP], timeout: float, max_records: int | None) -> dict[TP, Any]:
        for _ in range(round(timeout * 1000)):
            if records := self._drained(partitions):
                return records
            await asyncio.sleep(0.001)
        return {}

    def _drained(self, partitions: set[TP]) -> dict[TP, Any]:
        drained = {}
        for tp, position in self.positions.items():
            if tp in self.paused or (partitions and tp not in partitions):
                continue
            offsets = [offset for offset in self.kafka.offsets[tp] if offset >= position][: self.batch]
            if offsets:
                self.positions[tp] = offsets[-1] + 1
                drained[tp] = [record(tp, offset) for offset in offsets]
        if drained and self.batch is not None:
            self.batch = 0
        return drained


def record(tp: TP, offset: int) -> Any:
    return SimpleNamespace(
        topic=tp.topic,
        partition=tp.partition,
        offset=offset,
        timestamp=0,
        timestamp_type=0,
        headers=(),
        key=None,
        value=b"",
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=0,
    )


class FakeApp:
    """A fake of the app, its conductor and its agents: records wait in `queue` until `begin` and `finish`.

    Attributes:
        delivered: every record that reached the queue, in order.
        room: closed while the queue is full.
        running: records that an agent has begun and not finished.
        flushes: how often the producer was flushed; `flushing` is open while that ends at once.
    """

    in_transaction = client_only = in_recovery = should_stop = rebalancing = is_fast = False
    why_not_fast = "this is a fake"
    consumer_generation_id = 1

    def __init__(self) -> None:
        self.delivered: list[tuple[TP, int]] = []
        self.queue: list[ConsumerMessage] = []
        self.running: list[ConsumerMessage] = []
        self.room, self.flushing = asyncio.Event(), asyncio.Event()
        self.room.set()
        self.flushing.set()
        self.flushes = 0
        self.failures: list[BaseException] = []
        self.say_once = lambda why, where="": None
        self.producer = SimpleNamespace(flush=self._flush, buffer=SimpleNamespace(size=0, max_messages=100))
        self._cleared = asyncio.Event()
        self.flow_control = SimpleNamespace(suspend=lambda: None, clear=self._clear)
        channel = SimpleNamespace(queue=SimpleNamespace(full=lambda: not self.room.is_set()))
        self.topics = SimpleNamespace(
            acks_enabled_for=lambda topic: topic != CHANGELOG.topic, _tp_index=defaultdict(lambda: [channel])
        )
        self.tables = SimpleNamespace(
            changelog_topics={CHANGELOG.topic},
            on_commit=lambda offsets: None,
            followed=frozenset[TP](),
            standby_tps=frozenset[TP](),
            flush=self._nothing,
        )
        self.monitor = SimpleNamespace(track_tp_end_offset=lambda tp, offset: None, on_tp_commit=lambda offsets: None)
        self.sensors = SimpleNamespace(
            on_message_in=lambda *args: None,
            on_commit_initiated=lambda consumer: None,
            on_commit_completed=lambda consumer, state: None,
        )
        self._attachments = SimpleNamespace(
            publish=self._publish_nothing, forget=lambda tp: None, raise_if_lost=lambda: None
        )
        self.conf = SimpleNamespace(
            broker_commit_every=None,
            broker_commit_interval=1.0,
            broker_commit_livelock_soft_timeout=1.0,
            broker_request_timeout=10.0,
            ConsumerScheduler=DefaultSchedulingStrategy,
            producer_partitioner=None,
            stream_processing_timeout=1.0,
            stream_wait_empty=True,
        )

    async def on_message(self, message: ConsumerMessage) -> None:
        room, cleared = (asyncio.ensure_future(gate.wait()) for gate in (self.room, self._cleared))
        try:
            await asyncio.wait([room, cleared], return_when=asyncio.FIRST_COMPLETED)
            has_room = room.done()
        finally:
            room.cancel()
            cleared.cancel()
        if not has_room:
            return  # a queue that is cleared lets in what waits, and its agent drops what is of another generation
        self.delivered.append((message.tp, message.offset))
        self.queue.append(message)

    def _clear(self) -> None:
        self.queue.clear()
        self._cleared.set()
        self._cleared = asyncio.Event()

    def offsets(self, tp: TP = FLIGHTS) -> list[int]:
        """What was delivered of a partition, in order."""
        return [offset for delivered, offset in self.delivered if delivered == tp]

    def on_joined(self, joined: Any) -> None:
        """Not looked at here."""

    def on_member_id(self, member_id: str) -> None:
        """Not looked at here."""

    def on_membership_failure(self, error: BaseException) -> None:
        self.failures.append(error)

    def on_rebalance_return(self) -> None:
        pass

    def _start_span_from_rebalancing(self, name: str) -> Any:
        return nullcontext()

    async def _nothing(self) -> None:
        """No table has changes."""

    async def _flush(self) -> None:
        self.flushes += 1
        await self.flushing.wait()

    async def _publish_nothing(self, offsets: Mapping[TP, int]) -> None:
        """Nothing waits for a commit."""


class FakeThread(FetchingThread):
    """The real one without a thread of its own.

    Attributes:
        handing_over: closed while what was fetched is still on its way to the app.
    """

    def __init__(self, consumer: Any, client: FakeClient) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(consumer, loop=loop, thread_loop=loop)
        self._consumer = client
        self.calls: set[asyncio.Future[Any]] = set()
        self.handing_over = asyncio.Event()
        self.handing_over.set()

    async def call_thread(self, fun: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        call = asyncio.ensure_future(fun(*args, **kwargs))
        self.calls.add(call)
        call.add_done_callback(self.calls.discard)
        return await asyncio.shield(call)

    async def getmany(self, active_partitions: Any, timeout: float) -> Fetched:
        fetched: Fetched = await super().getmany(active_partitions, timeout)
        await self.handing_over.wait()
        return fetched


class Worker(Consumer):
    """The real consumer of one process life, with the fakes around it."""

    app: FakeApp
    _thread: FakeThread

    def __init__(self, kafka: FakeKafka) -> None:
        app = FakeApp()
        transport = SimpleNamespace(app=app, create_transaction_manager=lambda **kwargs: None, _topic_waiters={})
        self.client = FakeClient(kafka)
        super().__init__(transport, app.on_message, self._revoked, self._assigned, loop=asyncio.get_running_loop())
        self.drain: asyncio.Task[None] | None = None

    def _new_consumer_thread(self) -> Any:
        return FakeThread(self, self.client)

    @property
    def thread(self) -> FakeThread:
        return self._thread

    async def threadsafe_partitions_assigned(self, loop: Any, assigned: set[TP], generation_id: int = 0) -> None:
        await self.on_partitions_assigned(assigned, generation_id)

    async def _revoked(self, revoked: set[TP]) -> None:
        # In Faust's order.
        self.stop_flow()
        self.pause_partitions(revoked)
        self.app.flow_control.clear()
        await self.wait_empty()

    async def _assigned(self, assigned: set[TP], generation_id: int) -> None:
        self.pause_partitions(assigned)

    # --- what happens to it -------------------------------------------------------------------------------------------

    def read(self) -> None:
        """Start the task that reads and delivers."""
        self.drain = asyncio.ensure_future(self._drain_messages(SimpleNamespace(should_stop=False)))

    @property
    def is_reading(self) -> bool:
        return self.drain is not None and not self.drain.done()

    async def revoke(self) -> None:
        """The first half of a rebalance."""
        await self.on_partitions_revoked(self.assignment())

    def stop_reading(self) -> None:
        """Stop the flow in Faust's order."""
        self.stop_flow()
        self.app.flow_control.clear()

    async def assign(self, *partitions: TP) -> None:
        """The second half: the client takes the assignment, then tells."""
        self.client.assign(partitions)
        await self.thread.on_partitions_assigned(set(partitions), 1)

    def resume(self) -> None:
        """The records' partitions and the flow."""
        self.resume_partitions({tp for tp in self.assignment() if not self._is_changelog_tp(tp)})
        self.resume_flow()

    async def start(self, *partitions: TP) -> None:
        """Everything from the assignment to the first record."""
        self.read()
        await self.assign(*partitions)
        await self.perform_seek()
        self.resume()
        await settle()

    def begin(self, *offsets: int) -> None:
        """Let agents take these records, or all, from the queue."""
        for message in list(self.app.queue):
            if not offsets or message.offset in offsets:
                self.app.queue.remove(message)
                self.app.running.append(message)
                self.track_message(message)
                message.incref()

    def finish(self, *offsets: int) -> None:
        """Let agents finish these records, or all they have begun."""
        for message in list(self.app.running):
            if not offsets or message.offset in offsets:
                self.app.running.remove(message)
                message.ack(self)

    def process(self, *offsets: int) -> None:
        """Begin and finish these records, in this order."""
        for offset in offsets:
            self.begin(offset)
            self.finish(offset)

    async def kill(self) -> None:
        """End without a chance to commit; raises what the reading task died of, if it had."""
        assert self.drain is not None
        self.drain.cancel()
        for call in self.thread.calls:
            call.cancel()
        with suppress(asyncio.CancelledError):
            await self.drain
        await settle(3)
