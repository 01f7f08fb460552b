"""Whatever the sender does meanwhile, each partition has every record once and in the order of the appends."""

import asyncio
from collections import defaultdict
from typing import Any

from aiokafka.errors import RecordTooLargeError
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.streams.sending.outbox import Outbox
from framework.streams.sending.sent import Sent
from tests.unit.streams.fakes import run, settle
from tests.unit.streams.offline_client import OfflineClient, Taken, offline_client

PARTITIONS = st.integers(0, 1)
STEPS = st.one_of(
    st.tuples(st.just("post"), PARTITIONS, st.integers(0, 700)),
    st.tuples(st.just("send"), PARTITIONS, st.integers(0, 700)),
    st.tuples(st.sampled_from(["take", "build", "done", "again", "fail", "metadata", "wait"])),
)


class World:
    """A client, its sender's hands, and the log of each partition."""

    def __init__(self, client: OfflineClient, outbox: Outbox) -> None:
        self.client, self.outbox = client, outbox
        self.appended: dict[int, list[bytes]] = defaultdict(list)
        self.log: dict[int, list[bytes]] = defaultdict(list)
        self.lost: set[bytes] = set()
        self.taken: dict[int, Taken] = {}
        self.sent: dict[bytes, tuple[int, Sent]] = {}
        self.number = 0

    async def do(self, step: tuple[Any, ...]) -> None:
        await getattr(self, step[0])(*step[1:])

    def _next(self, size: int) -> bytes:
        self.number += 1
        return b"%d " % self.number + b"x" * size

    async def post(self, partition: int, size: int) -> None:
        value = self._next(size)
        sent = self.outbox.post_now("flights", partition, None, value)
        assert sent is not None
        self.appended[partition].append(value)
        self.sent[value] = (partition, sent)

    async def send(self, partition: int, size: int) -> None:
        """As aiokafka does; one that would have to wait for room is given up."""
        value = self._next(size)
        sending = asyncio.ensure_future(self.client.send("flights", value, partition=partition))
        await settle(5)
        if sending.done():
            sending.result().add_done_callback(lambda future: future.exception())
            self.appended[partition].append(value)
        else:
            sending.cancel()

    async def take(self) -> None:
        muted = {taken.tp for taken in self.taken.values()}
        nodes, _ = self.client._message_accumulator.drain_by_nodes((), muted)
        for batches in nodes.values():
            for batch in batches.values():
                self.taken[batch.tp.partition] = Taken(self.client, batch)

    async def build(self) -> None:
        for taken in self.taken.values():
            taken.build()

    async def done(self) -> None:
        for partition, taken in self.taken.items():
            values = [value or b"" for _, value in taken.records()]
            taken.done(len(self.log[partition]))
            self.log[partition] += values
        self.taken.clear()

    async def again(self) -> None:
        for taken in self.taken.values():
            taken.build()
            taken.again()
        self.taken.clear()

    async def fail(self) -> None:
        for taken in self.taken.values():
            self.lost |= {value or b"" for _, value in taken.records()}
            taken.fail(RecordTooLargeError())
        self.taken.clear()

    async def metadata(self) -> None:
        self.client.know("flights", 0)
        self.client.know("flights", 4)

    async def wait(self) -> None:
        await settle(5)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=60))
def test_every_record_once_and_in_order(steps: list[tuple[Any, ...]]) -> None:
    async def scenario() -> None:
        async with offline_client(max_batch_size=1200) as client:
            outbox = Outbox()
            outbox.attach(client)
            world = World(client, outbox)
            for step in steps:
                await world.do(step)
            await world.done()
            while client._message_accumulator._batches:
                await world.take()
                await world.done()
            for partition, appended in world.appended.items():
                assert world.log[partition] == [value for value in appended if value not in world.lost]
            for value, (partition, sent) in world.sent.items():
                if value in world.lost:
                    assert isinstance(sent.exception(), RecordTooLargeError)
                else:
                    assert world.log[partition][sent.result().offset] == value
            await outbox.flush()
            assert (outbox.unsent, outbox._bytes) == (0, 0)

    run(scenario)
