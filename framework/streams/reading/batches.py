"""From fetched runs to the channels, and from finished records to the commit; the fast way beside `delivery`.

The rules are those of `delivery`. A run is delivered in one step, without letting anybody else run: either its position
has not been set since it was read, and all of it goes to each of its channels, or it is read again.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from time import monotonic
from typing import Any

from faust.exceptions import DecodeError
from faust.types import TP
from faust.types.tuples import ack_lock

from framework.streams.reading.decoding import Decoding
from framework.streams.reading.delivery import DeliveringConsumer
from framework.streams.reading.events import Event, Message, Reader
from framework.streams.reading.fetching import Fetched
from framework.streams.reading.queues import ChannelQueue
from framework.streams.reading.runs import Ledger, Slice

COMMITS_APART = 1.0
"""Seconds between commits that are made because so many records were finished (`broker_commit_every`)."""


class BatchConsumer(DeliveringConsumer):
    """Delivers runs where the app is on the fast path, and record by record else; changelogs always so."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.takes_runs = bool(self.app.is_fast)
        if not self.takes_runs and not self.app.client_only:
            self.app.say_once(f"records are delivered one by one, Faust's own way: {self.app.why_not_fast}")
        self.ledger = Ledger()
        self._partitions: dict[TP, TP] = {}
        self._crowded: set[TP] = set()
        self._wanted: set[TP] = set()
        self._changelogs: frozenset[str] = frozenset()
        self._next: dict[TP, int] = {}
        self._delivered = 0
        self._committed_at = 0.0
        self._extra_commit: asyncio.Task[Any] | None = None

    # --- reading ------------------------------------------------------------------------------------------------------

    def is_taken_by_run(self, tp: TP) -> bool:
        """Whether a partition's records are fetched as they are; called in the consumer's thread."""
        return tp.topic not in self._changelogs

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """As in Faust; what was delivered before does not count any more."""
        self._changelogs = frozenset(self.app.tables.changelog_topics)
        await super().on_partitions_assigned(assigned, generation_id)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """As in Faust; nothing that was delivered of them may be committed from here on, others may have them."""
        for tp in revoked:
            self.ledger.forget(tp)
            self._next.pop(tp, None)
        await super().on_partitions_revoked(revoked)

    async def perform_seek(self) -> None:
        """Go back to the committed offsets; all that was delivered before does not count any more."""
        await super().perform_seek()
        for tp in self.ledger.partitions():
            self.ledger.forget(tp)
        self._next = {tp: offset for tp in self._sought if (offset := self._committed_offset[tp]) is not None}

    def _wanted_partitions(self) -> set[TP]:
        """Active partitions whose channels have room. The set that is given is kept up to date while it is in use."""
        active: set[TP] = self._get_active_partitions()
        if not self.takes_runs:
            return active
        before = self._crowded
        self._crowded = self._crowded_of(tp for tp in active if not self._is_changelog(tp))
        for tp in self._crowded - before:
            self.app.sensors.on_topic_buffer_full(tp)
        if not self._crowded:
            return active
        self._wanted = active - self._crowded
        return self._wanted

    def _is_changelog(self, tp: TP) -> bool:
        return tp.topic in self._changelogs

    def _crowded_of(self, partitions: Iterable[TP]) -> set[TP]:
        """Those that have a channel without room. Hundreds of partitions may share a queue, which is asked once."""
        answers: dict[ChannelQueue, bool] = {}
        crowded = set()
        for tp in partitions:
            for channel in self.app.topics._tp_index.get(tp, ()):
                queue = channel.queue
                if queue not in answers:
                    answers[queue] = queue.is_crowded
                if answers[queue]:
                    crowded.add(tp)
                    break
        return crowded

    def _on_room(self, queue: ChannelQueue) -> None:
        """A slice of a queue was used up."""
        if not self._crowded or queue.is_crowded:
            return
        now = (self._crowded - self._crowded_of(self._crowded)) & self._get_active_partitions()
        if now:
            self._crowded -= now
            self._wanted |= now
            self._resumed.set()
            self._thread.look_again()

    async def _deliver_runs(self, fetched: Fetched) -> None:
        for tp, (records, size) in fetched.runs.items():
            await self.app.flow_control.acquire()
            await self.app.producer.buffer.wait_until_ebb()
            if self._may_deliver(tp) and self._thread.seeks[tp] == fetched.seeks[tp]:
                self._deliver_run(tp, records, size)
            else:
                await self._thread.seek_back(tp, records[0].offset, fetched.seeks[tp])
        for tp in fetched.runs:
            self.app.monitor.track_tp_end_offset(tp, fetched.ends[tp])

    def _deliver_run(self, tp: TP, records: list[Any], size: int) -> None:
        # One object for each, so that whoever looks at every record can compare by identity.
        tp = self._partitions.setdefault(tp, TP(*tp))
        has_acks = self.app.topics.acks_enabled_for(tp.topic)
        if has_acks:
            self._look_at_first(tp, records[0].offset)
        generation, is_first = self.app.consumer_generation_id, True
        for channel in list(self.app.topics._tp_index.get(tp, ())):
            part = Slice(tp, records if is_first else list(records), generation, size=size, is_first=is_first)
            is_first = False
            if has_acks:
                self.ledger.add(part, channel)
            queue = channel.queue
            if queue.to_event is None:
                queue.to_event, queue.on_room = _EventMaker(self, channel), self._on_room
            queue.put_slice(part)
        self._read_offset[tp], self._next[tp] = records[-1].offset, records[-1].offset + 1
        self._delivered += len(records)
        self._commit_if_many()

    def _look_at_first(self, tp: TP, offset: int) -> None:
        """Have commits begin at the first record of a run where none before it can be unfinished.

        That is so where nothing was ever committed. And where the log has begun anew, without what was read and
        committed of it: a topic that was deleted and made anew, or a log that a new leader has cut off. Step by step:
        the position is not in the log any more; the broker answers that it is out of range; the client goes to where
        `auto_offset_reset` says, by itself, and nobody here is told; the next run begins before `_next`.

        Nothing else makes a run begin there. One that was read before somebody set the position, or before a rebalance,
        does not come here (`Fetched.seeks`). And whoever sets a position says here what is to come next before anything
        that was read from there is delivered, which waits for `_seeking`.
        """
        is_anew = offset < self._next.get(tp, 0)
        if is_anew:
            self.log.warning("%s begins anew at offset %s, before %s.", tp, offset, self._next[tp])
            self.ledger.forget(tp)
        if is_anew or self._committed_offset[tp] is None:
            self._committed_offset[tp] = offset

    async def seek(self, partition: TP, offset: int) -> None:
        """As in Faust."""
        await super().seek(partition, offset)
        self._next[partition] = offset

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """As in Faust."""
        async with self._seeking:
            await super().seek_wait(partitions)
            self._next.update(partitions)

    def _commit_if_many(self) -> None:
        """Commit after so many records, as Faust does, but beside the delivery and not more often than is good."""
        if self._commit_every is None or self._delivered < self._commit_every:
            return
        is_busy = self._extra_commit is not None and not self._extra_commit.done()
        if not is_busy and monotonic() - self._committed_at >= COMMITS_APART:
            self._delivered, self._committed_at = 0, monotonic()
            self._extra_commit = asyncio.ensure_future(self._commit_in_passing())

    async def _commit_in_passing(self) -> None:
        try:
            await self.commit()
        except Exception as error:  # noqa: BLE001 - nobody waits for it
            await self.crash(error)

    # --- commits ------------------------------------------------------------------------------------------------------

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        if not self.takes_runs:
            yield from super()._filter_tps_with_pending_acks(topics)
            return
        for tp in self.ledger.partitions():
            if topics is None or tp in topics or tp.topic in topics:
                yield tp

    def _new_offset(self, tp: TP) -> int | None:
        if not self.takes_runs:
            return super()._new_offset(tp)
        self.ledger.prune(tp)
        offset = self.ledger.committable(tp)
        return None if offset == self._committed_offset[tp] else offset

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        # What is committed here was finished before, so its changes are among those that are handed over.
        await self.app.tables.flush()
        return await super()._commit_offsets(offsets, start_new_transaction)

    def ack(self, message: Any) -> bool:
        """As in Faust; a record of a run is finished where it counts, in the slice of the channel that it came by."""
        if not isinstance(message, Message):
            acked: bool = super().ack(message)
            return acked
        with ack_lock:
            return not message.acked and message.on_final_ack(self)

    # --- what is being done -------------------------------------------------------------------------------------------

    def on_finished(self) -> None:
        """Something was finished that somebody may wait for; from any thread."""
        if self._waiting_for_ack is not None:
            self.loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if self._waiting_for_ack is not None and not self._waiting_for_ack.done():
            self._waiting_for_ack.set_result(None)

    async def wait_empty(self) -> None:
        """Wait until whatever agents are at is finished, and commit; as in Faust."""
        if not self.takes_runs:
            await super().wait_empty()
            return
        waits = 0
        while not self.should_stop and self.ledger.in_hand():
            waits += 1
            if waits % 10 == 0:
                self.log.warning("Waiting for agents to finish %s", self.in_flight())
            await self.commit()
            if self.ledger.in_hand():
                await self._wait_for_ack(timeout=1)
        await self.commit_and_end_transactions()

    def uncommitted(self) -> int:
        """How many offsets are finished and not committed."""
        if not self.takes_runs:
            return sum(len(acked) for acked in list(self._acked.values()))
        done = {tp: self.ledger.committable(tp) or 0 for tp in self.ledger.partitions()}
        return sum(max(0, offset - (self._committed_offset[tp] or 0)) for tp, offset in done.items())

    def in_flight(self) -> list[str]:
        """What agents are at, as `topic[partition]@offset`."""
        if not self.takes_runs:
            return sorted(f"{m.topic}[{m.partition}]@{m.offset}" for m in self.unacked if not m.acked)
        return sorted(f"{tp.topic}[{tp.partition}]@{offset}" for tp, offset in self.ledger.in_hand())

    def work_done(self) -> tuple[int, ...]:
        """Something that is another one as soon as a record was finished."""
        committed = sum(offset or 0 for offset in list(self._committed_offset.values()))
        return committed, self._n_acked, self.ledger.progress()


class _EventMaker:
    """Makes events of records that somebody takes out of a channel by himself."""

    def __init__(self, consumer: BatchConsumer, channel: Any) -> None:
        self._channel = channel
        self._reader = Reader(consumer.app, Decoding(consumer.app, channel), consumer.on_finished)

    def __call__(self, part: Slice, record: Any) -> Any:
        try:
            return self._make(part, record)
        except DecodeError:
            part.finish(record.offset)
            raise

    def _make(self, part: Slice, record: Any) -> Any:
        load, load_key = self._reader.decoding.load_value, self._reader.decoding.load_key
        if load is None:
            return _at_once(self._channel.decode(Message(part, record, self._reader.notify), propagate=True))
        key = record.key if load_key is None else load_key(record.key)
        event = Event(self._reader, part, record, load(record.value))
        event.key = key
        return event


def _at_once(coroutine: Any) -> Any:
    """The result of a coroutine that awaits nothing, as Faust's schemas do not."""
    try:
        coroutine.send(None)
    except StopIteration as result:
        return result.value
    coroutine.close()
    raise RuntimeError("A schema whose decode() awaits something needs a stream: use app.stream(topic).")
