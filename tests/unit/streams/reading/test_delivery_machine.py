"""Whatever happens in whatever order: nothing lost, nothing twice without cause, no commit beyond what is finished."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.unit.streams.fakes import CHANGELOG, FLIGHTS, FakeKafka, Worker, settle

STEP = 5.0
"""Seconds after which a step hangs."""


class Delivery(RuleBasedStateMachine):
    """One partition of one worker.

    Attributes:
        finished: offsets that an agent finished, ever.
        origin: where reading has to begin, since the position was last set.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.kafka = FakeKafka(**{"flights": range(6), CHANGELOG.topic: ()})
        self.finished: set[int] = set()
        self.origin = 0
        self.is_positioned = False
        self.do(self.begin_worker)
        self.seek()

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
        self.worker.app.delivered.clear()

    async def seek_to_committed(self) -> None:
        await self.worker.perform_seek()
        self.is_positioned = True
        self.origin = self.kafka.committed.get(FLIGHTS, 0)
        self.worker.app.delivered.clear()

    def finish_running(self) -> None:
        running = [message.offset for message in self.worker.app.running]
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

    @rule(count=st.integers(1, 5), is_held=st.booleans(), is_full=st.booleans())
    def fetch(self, count: int, is_held: bool, is_full: bool) -> None:
        """Read a batch; it may stay on its way, or its first record may wait for a place in the queue."""

        async def fetch() -> None:
            self._open(not is_held, self.worker.thread.handing_over)
            self._open(not is_full, self.worker.app.room)
            self.worker.client.batch = count
            await asyncio.sleep(0.002)  # the fake looks every millisecond

        self.do(fetch)

    def _open(self, is_open: bool, gate: asyncio.Event) -> None:
        if is_open:
            gate.set()
        else:
            gate.clear()

    @rule()
    def let_all_through(self) -> None:
        async def let() -> None:
            self._open(True, self.worker.thread.handing_over)
            self._open(True, self.worker.app.room)

        self.do(let)

    @rule(is_pause=st.booleans(), lets_through=st.booleans())
    def stop_and_resume(self, is_pause: bool, lets_through: bool) -> None:
        async def stop() -> None:
            if is_pause:
                self.worker.pause_partitions({FLIGHTS})
            else:
                self.worker.stop_reading()
            await settle()
            if lets_through:
                self._open(True, self.worker.thread.handing_over)
                self._open(True, self.worker.app.room)
                await settle()
            if not is_pause:
                # Whoever stops the flow empties the queues, and has them filled again from the committed offset.
                await self.seek_to_committed()
            self.worker.resume()

        self.do(stop)

    @rule()
    def seek(self) -> None:
        """Position the partition as recovery does; later ones stop the flow first, as whoever does that must."""

        async def seek() -> None:
            if self.is_positioned:
                self.worker.stop_reading()
                await settle()
            await self.seek_to_committed()
            self.worker.resume()

        self.do(seek)

    @rule(is_early=st.booleans(), is_late=st.booleans(), lets_through=st.booleans())
    def rebalance(self, is_early: bool, is_late: bool, lets_through: bool) -> None:
        """Early: recovery of tables resumes before it seeks. Late: the recovery before resumes in between."""

        async def rebalance() -> None:
            self.finish_running()
            await self.worker.revoke()
            if is_late:
                self.worker.resume()
                await settle()
            if lets_through:
                self._open(True, self.worker.thread.handing_over)
            await self.assign()
            if is_early:
                self.worker.resume()
            else:
                await self.seek_to_committed()
                self.worker.resume()

        self.do(rebalance)

    @precondition(lambda self: self.worker.app.queue or self.worker.app.running)
    @rule(data=st.data())
    def finish_in_any_order(self, data: st.DataObject) -> None:
        self.worker.begin()
        running = sorted({message.offset for message in self.worker.app.running})
        for offset in data.draw(st.lists(st.sampled_from(running), unique=True)):
            self.worker.finish(offset)
            self.finished.add(offset)

    @precondition(lambda self: self.worker.app.queue or self.worker.app.running)
    @rule()
    def finish_all_and_commit(self) -> None:
        self.worker.begin()
        self.finish_running()
        self.do(self.worker.commit)

    @rule()
    def commit(self) -> None:
        self.do(self.worker.commit)

    @rule(is_early=st.booleans())
    def crash_and_restart(self, is_early: bool) -> None:
        self.do(self.worker.kill)
        self.do(self.begin_worker)
        if is_early:
            self.worker.resume()
        else:
            self.seek()

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
        else:
            due = [offset for offset in self.kafka.offsets[FLIGHTS] if offset >= self.origin]
            assert delivered == due[: len(delivered)]

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
        for _ in range(80):
            await asyncio.sleep(0.001)
            self.worker.begin()
            self.finish_running()
            await self.worker.commit()
            if self.kafka.committed.get(FLIGHTS, 0) > self.kafka.offsets[FLIGHTS][-1]:
                break
        else:
            raise AssertionError(f"committed only {self.kafka.committed} of {self.kafka.offsets}")
        assert self.finished == set(self.kafka.offsets[FLIGHTS])


TestDelivery = Delivery.TestCase
TestDelivery.settings = settings(max_examples=40, stateful_step_count=25, report_multiple_bugs=False)
