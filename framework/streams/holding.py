"""Nothing of a worker begins or leaves while its lease is not held; knows no group and no roster."""

import time
from typing import Any

import faust
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


def hold_back(producer: AIOKafkaProducer, lease: Lease) -> None:
    """Have a client send no records while the lease is not held; they wait, and are sent when it is held again.

    What is on its way already cannot be called back.
    """
    sender = producer._sender
    send = sender._send_produce_req

    async def send_if_held(node_id: int, batches: Any) -> None:
        while lease.until != ENDLESS:
            # To connect may take longer than the lease lasts, so that comes before the look.
            await sender.client.ready(node_id)
            if lease.is_held():
                break
            await lease.wait()
        await send(node_id, batches)

    sender._send_produce_req = send_if_held
