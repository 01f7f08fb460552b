"""How an agent's actors follow each other, over failures and over rebalances of `isolated_partitions`."""

import asyncio
from typing import Any

import faust
from mode import Service


class Nobody(Service):
    """Stands in the supervisor's list where an actor was whose partition is gone: there is nothing to run."""

    abstract = False
    mundane_level = "debug"


AGAIN = 0.02
"""Seconds after a replacement in which the supervisor looks whether another actor has failed meanwhile."""


class Replacing(faust.Agent):
    """Faust's agent, whose actors are replaced however many fail in one moment, and not where their partition is gone.

    The conductor ends the worker if a channel is for a partition that is not assigned. In Faust only the loop over a
    channel takes it away, and only where it ends by itself. It does not where, at the time of the revoke,

    - its task waits for something else, such as the pause after a failure: then the task is cancelled there. To Faust
      it has crashed, and another body begins with the revoked partition;
    - it has crashed, and the supervisor has not come to replace it yet: then it will;
    - it was replaced: Faust goes on to know the first one as the actor of the partition, and stops that.
    """

    def _new_supervisor(self) -> Any:
        """As in Faust; one that begins a hundred bodies a second, and makes the others wait.

        In Faust the second of two that fail in one hundredth of a second ends the worker.
        """
        supervisor: Any = super()._new_supervisor()
        supervisor._bucket.raises = None
        return supervisor

    async def on_isolated_partitions_revoked(self, revoked: set[Any]) -> None:
        """As in Faust; and nothing is left of their actors."""
        found = [aref for tp in revoked if (aref := self._actor_by_partition.get(tp)) is not None]
        for aref in found:
            aref.is_revoked = True
        await super().on_isolated_partitions_revoked(revoked)
        for aref in found:
            if aref.stream.channel in self.app.topics:
                aref.stream.channel.on_stop_iteration()

    async def _replace_actor(self, service: Any, index: int) -> Any:
        """As in Faust; the new one is known as its partition's, and started.

        Else its next failure would be noticed after five seconds only. So would that of another one meanwhile: while
        the supervisor is at this one, nobody can wake it up.
        """
        self.loop.call_later(AGAIN, self.supervisor.wakeup)
        if _is_revoked(service):
            return Nobody(loop=self.loop, beacon=self.beacon)
        # Else the agent keeps it for ever, and with its error whatever the body had.
        service.beacon.detach(self.beacon)
        actor: Any = await super()._replace_actor(service, index)
        for tp, known in list(self._actor_by_partition.items()):
            if known is service:
                self._actor_by_partition[tp] = actor
        await actor.maybe_start()
        return actor

    async def _until_revoked(self, coro: Any, aref: Any) -> None:
        """Run an actor's body; if it is cancelled because its partition was revoked, it has ended and not crashed."""
        try:
            await coro
        except asyncio.CancelledError:
            if not _is_revoked(aref) or self.should_stop:
                raise


def _is_revoked(aref: Any) -> bool:
    return getattr(aref, "is_revoked", False)
