"""Faust's agent, which does not lose the record that it fails at; knows no Kafka."""

import asyncio
import contextlib
import logging
from typing import Any

from framework.backoff import Backoff
from framework.errors import AgentFailedError
from framework.streams.agents.deriving import Deriving
from framework.streams.agents.replacing import Replacing

PAUSES = Backoff(initial=0.1, maximum=2.0)
"""Between two tries at one record."""

BREATH = 0.02
"""Seconds between two bodies where the first has failed at none of its records."""

LAST_WORD = 10.0
"""Seconds for the commit and the user's handler before the worker ends."""

LOGGER = logging.getLogger("faust.framework.agents")


class Agent(Replacing):
    """Faust's agent.

    In Faust a record counts as done when its body has failed. Here it is put back, and the next body of the agent gets
    it first, after a pause. When it has failed often enough in a row the app crashes with that record uncommitted.
    """

    logger = LOGGER

    def actor_from_stream(
        self, stream: Any, *, index: Any = None, active_partitions: Any = None, channel: Any = None
    ) -> Any:
        """As in Faust; the body that comes after another finds the stream as that one did."""
        if isinstance(stream, Deriving) and stream.is_fast:
            stream.is_given_again()
        aref: Any = super().actor_from_stream(stream, index=index, active_partitions=active_partitions, channel=channel)
        if stream is None and isinstance(aref.stream, Deriving):
            aref.stream.is_given()
        return aref

    async def _execute_actor(self, coro: Any, aref: Any) -> None:
        await super()._execute_actor(self._until_revoked(self._watched(coro, aref), aref), aref)

    async def _watched(self, coro: Any, aref: Any) -> None:
        try:
            await coro
        except asyncio.CancelledError:
            # Something that the body awaited was cancelled, or the body was, for a new one; else the agent stops.
            if not self.should_stop:
                _put_back(_take_open(aref.stream))
            raise
        except Exception as error:
            # Before anything is awaited: the loop that was left is closed by a task of its own, and asks what happened.
            failed = _take_open(aref.stream)
            tries = max((_count(event) for _, event in failed), default=0)
            is_last = tries >= self.app.settings.agent_tries
            # The last time nobody gets it any more; it stays where the commit does not pass it.
            _put_back(failed, for_another=not is_last)
            if hasattr(aref.it, "aclose"):
                # The body of an agent that yields is kept where it was by the loop around it.
                with contextlib.suppress(Exception):
                    await aref.it.aclose()
            if is_last:
                await self._give_up(failed[-1][1], tries, error)
            if failed:
                await self._pause(failed[-1][1], tries, error)
            else:
                # As after a record that cannot be decoded. Faust ends an agent that fails a hundred times a second.
                await asyncio.sleep(BREATH)
            raise

    async def _pause(self, event: Any, tries: int, error: Exception) -> None:
        limit = self.app.settings.agent_tries
        self.log.warning("%s failed at %s, %s of %s tries: %r", self.name, _place(event), tries, limit, error)
        await asyncio.sleep(PAUSES.delay(tries))

    async def _give_up(self, event: Any, tries: int, error: Exception) -> None:
        reason = AgentFailedError(self.name, _place(event), tries, error)
        try:
            await self._say_last(error)
        finally:
            # Also where the task is cancelled meanwhile: nobody would hear of it any more.
            crash = asyncio.ensure_future(self.app.crash(reason))
        # Until the app stops: no other body shall begin.
        await asyncio.wait([crash, asyncio.get_running_loop().create_future()])

    async def _say_last(self, error: Exception) -> None:
        """Do what comes before the end; if that fails the worker ends all the same."""
        try:
            async with asyncio.timeout(LAST_WORD):
                # What the others have finished; the commit does not pass this record.
                await self.app.consumer.commit()
                if self._on_error is not None:
                    await self._on_error(self, error)
        except Exception as failure:  # noqa: BLE001 - a client's or the user's; the reason is the failure before it
            self.log.warning("%s failed, and what comes before the worker's end did too: %r", self.name, failure)


def _place(event: Any) -> str:
    return f"{event.part.tp.topic}[{event.part.tp.partition}]@{event.record.offset}"


def _count(event: Any) -> int:
    """Count a failure at an event's record; returns how many it has had."""
    failures: dict[int, int] = event.part.failures
    failures[event.record.offset] = failures.get(event.record.offset, 0) + 1
    return failures[event.record.offset]


def _take_open(stream: Any) -> list[tuple[Any, Any]]:
    """What is unfinished of a stream and of those derived from it: the stream and the event of each."""
    found = []
    while stream is not None:
        if getattr(stream, "is_fast", False):
            found += [(stream, event) for event in stream.take_open()]
        stream = stream._next
    return found


def _put_back(unfinished: list[tuple[Any, Any]], *, for_another: bool = True) -> None:
    """Have records taken again, or at least nobody be at them any more."""
    # From the last slice to the first, since each comes before what is in the queue.
    for part, stream in reversed({event.part: stream for stream, event in unfinished}.items()):
        records = [event.record for _, event in unfinished if event.part is part]
        if for_another:
            stream.channel.queue.put_back(part, records)
        else:
            part.let_go(records)
