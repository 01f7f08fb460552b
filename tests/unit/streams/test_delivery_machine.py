"""Whatever happens in whatever order: nothing lost, nothing committed that is not finished, nothing twice without cause."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.unit.streams.fakes import CHANGELOG, FLIGHTS, FakeKafka, Worker, settle

STEP = 5.0
"""Seconds after which a step hangs."""


class Delivery(RuleBasedStateMachine):
    """One partition of one worker.

    Attributes:
        finished: offsets that an agent finished, ever.
        since: offsets that were delivered since the position was last set on purpose, or the worker began anew.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.kafka = FakeKafka(**{"flights": range(6), CHANGELOG.topic: ()})
        self.finished: set[int] = set()
        self.since: list[int] = []
        self.is_positioned = False
        self.do(self.begin_worker)

    def do(self, step: Callable[..., Awaitable[Any]], *args: Any) -> None:
        async def take() -> None:
            await step(*args)
            await settle()

        self.loop.run_until_complete(asyncio.wait_for(take(), STEP))

    # --- what the machine does ----------------------------------------------------------------------------------------

    async def begin_worker(self) -> None:
        self.worker = Worker(self.kafka)
        self.worker.client.batch = 0
        self.worker.read()
        await self.assign()

    async def assign(self) -> None:
        await self.worker.assign(FLIGHTS)
        self.is_positioned = False
        self.begin_anew()

    def begin_anew(self) -> None:
        self.worker.app.delivered.clear()

    async def seek_to_committed(self) -> None:
        await self.worker.perform_seek()
        self.is_positioned = True
        self.begin_anew()

    def finish_running(self, count: int | None = None) -> None:
        running = [message.offset for message in self.worker.app.running][:count]
        for offset in running:
            self.worker.finish(offset)
            self.finished.add(offset)

    # --- rules --------------------------------------------------------------------------------------------------------

    @rule(count=st.integers(1, 4), skipped=st.integers(0, 3))
    def produce(self, count: int, skipped: int) -> None:
        """Append records behind offsets that hold none."""
        offsets = self.kafka.offsets[FLIGHTS]
        first = offsets[-1] + 1 + skipped
        offsets.extend(range(first, first + count))

    @rule(count=st.integers(1, 5))
    def fetch(self, count: int) -> None:
        async def fetch() -> None:
            self.worker.client.batch = count
            await asyncio.sleep(0.012)  # the fake looks every 0.01 s

        self.do(fetch)

    @rule()
    def hold_what_is_fetched(self) -> None:
        self.worker.thread.handing_over.clear()

    @rule()
    def hand_over(self) -> None:
        self.do(self._open, self.worker.thread.handing_over)

    @rule()
    def fill_the_queue(self) -> None:
        self.worker.app.room.clear()

    @rule()
    def empty_the_queue(self) -> None:
        self.do(self._open, self.worker.app.room)

    async def _open(self, gate: asyncio.Event) -> None:
        gate.set()

    @rule()
    def stop_flow(self) -> None:
        async def stop() -> None:
            self.worker.stop_flow()

        self.do(stop)

    @rule()
    def resume(self) -> None:
        """Also before the positions are set, as recovery of tables does."""

        async def resume() -> None:
            self.worker.resume()

        self.do(resume)

    @rule()
    def pause(self) -> None:
        self.worker.pause_partitions({FLIGHTS})

    @rule()
    def seek(self) -> None:
        """Position the partition as recovery does; later ones stop the flow first, as whoever does that must."""

        async def seek() -> None:
            if self.is_positioned:
                self.worker.stop_flow()
                await settle()
            await self.seek_to_committed()
            self.worker.resume()

        self.do(seek)

    @rule()
    def rebalance(self) -> None:
        async def rebalance() -> None:
            self.finish_running()
            await self.worker.revoke()
            self.worker.resume_flow()  # a recovery that is late
            await settle()
            await self.assign()

        self.do(rebalance)

    @precondition(lambda self: self.worker.app.queue)
    @rule(count=st.integers(1, 4))
    def begin(self, count: int) -> None:
        self.worker.begin(*[message.offset for message in self.worker.app.queue[:count]])

    @precondition(lambda self: self.worker.app.running)
    @rule(data=st.data())
    def finish_in_any_order(self, data: st.DataObject) -> None:
        offset = data.draw(st.sampled_from(sorted({message.offset for message in self.worker.app.running})))
        self.worker.finish(offset)
        self.finished.add(offset)

    @rule()
    def commit(self) -> None:
        self.do(self.worker.commit)

    @rule()
    def crash_and_restart(self) -> None:
        self.do(self.worker.kill)
        self.do(self.begin_worker)

    # --- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def everything_below_the_commit_was_finished(self) -> None:
        committed = self.kafka.committed.get(FLIGHTS, 0)
        assert {offset for offset in self.kafka.offsets[FLIGHTS] if offset < committed} <= self.finished

    @invariant()
    def nothing_is_delivered_twice_or_skipped_or_before_its_turn(self) -> None:
        delivered = self.worker.app.offsets()
        if not self.is_positioned:
            assert delivered == []
        elif delivered:
            there = self.kafka.offsets[FLIGHTS]
            first = there.index(delivered[0])
            assert delivered == there[first : first + len(delivered)]

    @invariant()
    def it_goes_on_reading(self) -> None:
        assert self.worker.is_reading

    def teardown(self) -> None:
        """At last everything is finished and committed, in this life of the worker and in a last one."""
        try:
            self.do(self._finish_all)
            self.do(self.worker.kill)
            self.do(self.begin_worker)
            self.do(self._finish_all)
            self.do(self.worker.kill)
        finally:
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()

    async def _finish_all(self) -> None:
        self.worker.thread.handing_over.set()
        self.worker.app.room.set()
        self.worker.client.batch = None
        if not self.is_positioned:
            await self.seek_to_committed()
        self.worker.resume()
        last = self.kafka.offsets[FLIGHTS][-1]
        async with asyncio.timeout(2.0):
            while self.kafka.committed.get(FLIGHTS, 0) <= last:
                await asyncio.sleep(0.002)
                self.worker.begin()
                self.finish_running()
                await self.worker.commit()
        assert self.finished == set(self.kafka.offsets[FLIGHTS])


TestDelivery = Delivery.TestCase
TestDelivery.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
