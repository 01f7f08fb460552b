"""Nothing of a worker begins or leaves while its lease is not held; knows no group and no roster."""

import time
from typing import Any

import faust
from aiokafka.client import ConnectionGroup
from aiokafka.producer import AIOKafkaProducer

from framework.streams.lease import ENDLESS, Lease


class Stream(faust.Stream):
    """Faust's stream; an event that comes up while the lease is not held waits before the agent's body has it.

    It waits as one that is being processed: a revoke or a stop goes on when it has been finished.
    """

    async def on_merge(self, value: Any = None) -> Any:
        """Called by Faust's iterators, compiled or not, as the last step before the body."""
        lease: Lease = self.app.lease
        # One comparison an event; `is_held` takes a lock only where it does not hold.
        if time.monotonic() >= lease.until:
            await lease.wait()
        return await super().on_merge(value)


PRODUCE = b"\0\0"
"""Kind of a request that has records in it; where it stands in each request, behind the four bytes of its size."""


class LeaseWriter:
    """A connection's `StreamWriter`, through which no records go while the lease is not held.

    Raises:
        ConnectionError: from `write`, which aiokafka takes for a broken connection: it sends the records again later.
    """

    def __init__(self, writer: Any, lease: Lease) -> None:
        self._writer, self._lease = writer, lease

    def write(self, data: bytes) -> None:
        """As the writer's."""
        if data[4:6] == PRODUCE and not self._lease.is_held():
            raise ConnectionError("the lease has ended")
        self._writer.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)


def _guard(connection: Any, lease: Lease) -> None:
    writer = connection._writer if connection is not None else None
    if writer is not None and type(writer) is not LeaseWriter:
        connection._writer = LeaseWriter(writer, lease)


def hold_back(producer: AIOKafkaProducer, lease: Lease) -> None:
    """Have a client send no records while the lease is not held; they wait, and are sent when it is held again.

    What is on its way already cannot be called back. So the lease is looked at once more where the bytes go to the
    operating system: a process that is paused between the first look and that, even a busy machine may see to it, would
    send its records when it is woken, with somebody else in its seat.
    """
    sender = producer._sender
    send = sender._send_produce_req

    async def send_if_held(node_id: int, batches: Any) -> None:
        while lease.until != ENDLESS:
            # To connect may take longer than the lease lasts, so that comes before the look.
            await sender.client.ready(node_id)
            if lease.is_held():
                _guard(sender.client._conns.get((node_id, ConnectionGroup.DEFAULT)), lease)
                break
            await lease.wait()
        await send(node_id, batches)

    sender._send_produce_req = send_if_held
