"""Faust's driver for `kafka://` on a `StaticConsumer`; converts Faust's settings to Kafka's and knows no policy."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable
from typing import Any, ClassVar

from faust.transport.consumer import ensure_TPset
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from framework.errors import MembershipError
from framework.membership.consumer import StaticConsumer
from framework.membership.group import Joined
from framework.streams.reading.batches import BatchConsumer
from framework.streams.reading.fetching import FetchingThread
from framework.streams.sending.producing import Producer

FETCH_MAX_WAIT_MS = 100
"""How long the broker may hold a fetch that finds nothing.

aiokafka keeps one fetch in flight for each broker, so a partition that was just drained waits for the long poll of the
idle ones. Faust hard-codes 1,500 ms.
"""

FETCH_MAX_BYTES = 2 * 1024 * 1024
"""Bytes in one answer of a broker, unless a single batch of records is larger.

aiokafka asks for 50 MB, of which several copies are in memory for a moment. A partition that did not get its share is
the first to be asked for next, because the others have records at hand.
"""

METADATA_MAX_AGE_MS = 5_000
"""How soon new partitions and topics are noticed."""


class ConsumerThread(FetchingThread):
    """The thread in which the member of the group lives, so that heartbeats survive a blocked event loop."""

    logger = logging.getLogger("faust.framework.consumer")

    def _create_worker_consumer(self, transport: Any) -> StaticConsumer:
        conf = self.app.conf
        return StaticConsumer(
            assignor=self.app.assignor,
            listener=self.consumer,
            client_id=conf.broker_client_id,
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id,
            bootstrap_servers=driver.server_list(transport.url, transport.default_port),
            enable_auto_commit=False,
            auto_offset_reset=conf.consumer_auto_offset_reset,
            max_poll_records=conf.broker_max_poll_records,
            max_poll_interval_ms=_ms(conf.broker_max_poll_interval),
            max_partition_fetch_bytes=conf.consumer_max_fetch_size,
            fetch_max_wait_ms=FETCH_MAX_WAIT_MS,
            fetch_max_bytes=FETCH_MAX_BYTES,
            request_timeout_ms=_ms(conf.broker_request_timeout),
            check_crcs=conf.broker_check_crcs,
            session_timeout_ms=_ms(conf.broker_session_timeout),
            rebalance_timeout_ms=_ms(conf.broker_rebalance_timeout),
            heartbeat_interval_ms=_ms(self.app.heartbeat_interval),
            isolation_level="read_committed" if self.consumer.in_transaction else "read_uncommitted",
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
            connections_max_idle_ms=conf.consumer_connections_max_idle_ms,
            **driver.credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
        )

    def close(self) -> None:
        """Do nothing: a rebalance met the app while it was stopping, and stopping closes the consumer in its turn.

        Faust would close it from here, on the event loop of another thread.
        """


class Consumer(BatchConsumer):
    """Faust's consumer, which commits before it forgets, and tells the app when the membership is lost."""

    logger = logging.getLogger("faust.framework.consumer")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._progress: tuple[int, ...] = (0, 0, 0)
        self._finished = asyncio.Event()

    def on_membership_failure(self, error: MembershipError) -> None:
        """The membership is lost; the app is told."""
        self.app.on_membership_failure(error)

    def on_member_id(self, member_id: str) -> None:
        """The broker has named this member; the app is told."""
        self.app.on_member_id(member_id)

    def on_joined(self, joined: Joined) -> None:
        """The member has its assignment; the app is told."""
        self.app.on_joined(joined)

    def on_confirmed(self, sent_at: float) -> None:
        """The member is in its seat; the lease is told."""
        self.app.lease.heartbeat_confirmed(sent_at, time.monotonic())

    def may_emit(self) -> bool:
        """Whether the lease is held."""
        return bool(self.app.lease.is_held())

    def has_progressed(self) -> bool:
        """Whether records were finished since the last call."""
        now = self.work_done()
        before, self._progress = self._progress, now
        return before != now

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Finish and commit what is in flight, then let Faust forget the partitions.

        Faust drops its acknowledgements first, and so does the work of up to a commit interval again at each rebalance.
        Without `stream_wait_empty` only what is finished already is committed, and the rest comes again.
        """
        self._is_rebalancing = True
        if self.app.should_stop:
            # Stopping is about to commit. Whoever gets the partitions next must not start before.
            await self._finished.wait()
        elif assignment := self.assignment():
            self._go_quiet(assignment)
            if self.app.conf.stream_wait_empty:
                await self.wait_empty()
            else:
                await self.commit_and_end_transactions()
            # Changes by timers and pages are of no record, so no commit takes them along. What fails ends the worker.
            with contextlib.suppress(Exception):
                await self.app.tables.flush()
        await super().on_partitions_revoked(revoked)

    async def on_stop(self) -> None:
        """As in Faust: finish what is in flight and commit."""
        try:
            await super().on_stop()
        finally:
            self._finished.set()

    def _go_quiet(self, assignment: Iterable[TP]) -> None:
        self.stop_flow()
        self.app.flow_control.suspend()
        self.pause_partitions(ensure_TPset(assignment))
        self.app.flow_control.clear()

    @property
    def thread(self) -> ConsumerThread:
        """The thread in which the member lives."""
        found: ConsumerThread = self._thread
        return found

    @property
    def member(self) -> Any:
        """The `StaticGroupCoordinator`, or None before the consumer has connected."""
        consumer = self._thread._consumer
        return consumer.coordinator if isinstance(consumer, StaticConsumer) and consumer._coordinator else None


class Transport(driver.Transport):
    """What `App` uses instead of the class that Faust registers for `kafka://`."""

    Consumer: ClassVar[type[Consumer]] = Consumer
    Producer: ClassVar[type[Producer]] = Producer


def _ms(seconds: float | None) -> int:
    return round((seconds or 0) * 1000)
