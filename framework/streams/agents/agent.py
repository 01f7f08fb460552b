"""Faust's agent, which does not lose the record that it fails at; knows no Kafka."""

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import Any

from framework.backoff import Backoff
from framework.errors import AgentFailedError
from framework.streams.agents.bodies import ENDS, Body, Outcome, was_cancelled_from_outside
from framework.streams.agents.deriving import Deriving
from framework.streams.agents.putting_back import put_back
from framework.streams.agents.replacing import Replacing
from framework.streams.reading.events import place_of

PAUSES = Backoff(initial=0.1, maximum=2.0)
"""Between two tries at one record."""

BREATH = 0.02
"""Seconds between two bodies where the first has failed at none of its records."""

LAST_WORD = 10.0
"""Seconds for the commit and the user's handler before the worker ends."""

LOGGER = logging.getLogger("faust.framework.agents")


@dataclass(frozen=True, slots=True)
class Failed:
    """What a body had when it failed: streams and events of them, in order.

    Attributes:
        at: what it was at.
        kept: what it was to acknowledge by hand, and had not yet.
    """

    at: list[tuple[Any, Any]]
    kept: list[tuple[Any, Any]]

    @property
    def counted(self) -> list[tuple[Any, Any]]:
        """Those that count as failed: one that is kept for another one has not failed with each record meanwhile."""
        return self.at or self.kept

    @property
    def all(self) -> list[tuple[Any, Any]]:
        """All of them."""
        return [*self.at, *self.kept]


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
        if isinstance(stream, Deriving) and stream.is_fast and stream.agent is self:
            stream.is_given_again()
        aref: Any = super().actor_from_stream(stream, index=index, active_partitions=active_partitions, channel=channel)
        if stream is None and isinstance(aref.stream, Deriving):
            aref.stream.is_given(self)
        return aref

    async def _execute_actor(self, coro: Any, aref: Any) -> None:
        try:
            await super()._execute_actor(self._until_revoked(self._watched(coro, aref), aref), aref)
        except asyncio.CancelledError as error:
            if self.should_stop or was_cancelled_from_outside():
                raise
            # What was cancelled is something that `on_error` has awaited.
            await aref.crash(error)
            self.supervisor.wakeup()

    async def _watched(self, coro: Any, aref: Any) -> None:
        body = Body.begin(aref.stream)
        try:
            await coro
        except ENDS:
            body.outcome = Outcome.CANCELLED
            raise
        except asyncio.CancelledError as error:
            if self.should_stop:
                body.outcome = Outcome.CANCELLED
                raise
            if was_cancelled_from_outside():
                # For a new body.
                body.outcome = Outcome.FAILED
                put_back(_take_open(body).all)
                raise
            await self._on_body_failed(body, aref, error)
            raise
        except Exception as error:
            await self._on_body_failed(body, aref, error)
            raise
        except BaseException as error:
            await self._on_body_failed(body, aref, error)
            # Neither Faust's handler nor `on_error` would see it.
            raise RuntimeError(f"{error!r} in the body of {self.name}") from error
        else:
            body.outcome = Outcome.WELL

    async def _on_body_failed(self, body: Body, aref: Any, error: BaseException) -> None:
        # Before anything is awaited: the loop that was left is closed by a task of its own, and asks what happened.
        body.outcome = Outcome.FAILED
        failed = _take_open(body)
        is_last = self._count_and_put_back(failed) or _is_for_nobody(failed, body)
        if hasattr(aref.it, "aclose"):
            # The body of an agent that yields is kept where it was by the loop around it.
            with contextlib.suppress(Exception):
                await aref.it.aclose()
        await self._pause_or_give_up(failed, error, is_last=is_last)

    async def on_stream_failed(self, stream: Any, error: BaseException) -> None:
        """A stream has failed that is read beside the body, to derive another of it; what it had comes again.

        Returns after a pause. After the last try it does not return: the worker ends.
        """
        failed = Failed([(stream, event) for event in stream.take_open(None)], [])
        is_last = self._count_and_put_back(failed)
        if not is_last:
            # As Faust does where a body has raised it.
            self.log.error("%s failed in what it reads beside its body: %r", self.name, error, exc_info=error)
            if self._on_error is not None:
                await self._tell(error)
        await self._pause_or_give_up(failed, error, is_last=is_last)

    async def _tell(self, error: BaseException) -> None:
        """Call the user's handler; if that fails the stream is read on all the same."""
        try:
            await self._on_error(self, error)
        except asyncio.CancelledError:
            if was_cancelled_from_outside():
                raise
            self.log.warning("What is to handle the failures of %s was cancelled within.", self.name)
        except Exception as failure:  # noqa: BLE001 - the user's
            self.log.warning("What is to handle the failures of %s failed: %r", self.name, failure)

    def _count_and_put_back(self, failed: "Failed") -> bool:
        """Returns whether there was the last try at one of these records."""
        for _, event in failed.counted:
            event.part.failures[event.record.offset] = _failures(event) + 1
        is_last = _tries(failed) >= int(self.app.settings.agent_tries)
        # The last time nobody gets it any more; it stays where the commit does not pass it.
        put_back(failed.all, for_another=not is_last)
        return is_last

    async def _pause_or_give_up(self, failed: "Failed", error: BaseException, *, is_last: bool) -> None:
        if not failed.counted:
            # As after a record that cannot be decoded. Faust ends an agent that fails a hundred times a second.
            await asyncio.sleep(BREATH)
            return
        place, tries, limit = place_of(failed.counted[-1][1]), _tries(failed), self.app.settings.agent_tries
        if is_last:
            await self._give_up(AgentFailedError(self.name, place, tries, error), error)
        self.log.warning("%s failed at %s, %s of %s tries: %r", self.name, place, tries, limit, error)
        await asyncio.sleep(PAUSES.delay(tries))

    async def _give_up(self, reason: AgentFailedError, error: BaseException) -> None:
        reason.__cause__ = error
        # Not raised any further, so that Faust does not log where it was.
        self.log.error("%s failed too often at %s: %r", self.name, reason.place, error, exc_info=error)
        try:
            await self._say_last(error)
        finally:
            # Also where the task is cancelled meanwhile: nobody would hear of it any more.
            crash = asyncio.ensure_future(self.app.crash(reason))
        # Until the app stops: no other body shall begin.
        await asyncio.wait([crash, asyncio.get_running_loop().create_future()])

    async def _say_last(self, error: BaseException) -> None:
        """Do what comes before the end; if that fails the worker ends all the same."""
        try:
            async with asyncio.timeout(LAST_WORD):
                # What the others have finished; the commit does not pass this record.
                await self.app.consumer.commit()
                if self._on_error is not None:
                    await self._on_error(self, error)
        except Exception as failure:  # noqa: BLE001 - a client's or the user's; the reason is the failure before it
            self.log.warning("%s failed, and what comes before the worker's end did too: %r", self.name, failure)


def _failures(event: Any) -> int:
    """How often in a row there was a failure at an event's record."""
    return int(event.part.failures.get(event.record.offset, 0))


def _tries(failed: Failed) -> int:
    return max((_failures(event) for _, event in failed.counted), default=0)


def _is_for_nobody(failed: Failed, body: Body) -> bool:
    """Whether something is back in a channel that the body had made for itself, and that the next one will not read."""
    return any(stream.made_by is body and not body.reads_its_agents(stream.channel) for stream, _ in failed.all)


def _take_open(body: Body) -> Failed:
    """What is unfinished of all streams that a body had, and of its agent's."""
    streams, stream = dict(body.streams), body.agents
    while stream is not None:
        streams[stream] = None
        stream = stream._next
    fast = [each for each in streams if getattr(each, "is_fast", False)]
    at = [(each, event) for each in fast for event in each.take_open(body)]
    return Failed(at, [(each, event) for each in fast for event in each.take_kept(body)])
