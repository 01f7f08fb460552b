"""Keeps a view of the roster current in the background, for those who look at it and wait for news."""

import asyncio
import contextlib
import time

import structlog

from framework.errors import RosterUnavailableError
from framework.membership.connection import Connection
from framework.membership.roster import CONTROL, SEATS, topic_name
from framework.membership.roster_log import RosterLog
from framework.membership.roster_topic import Use, doubtful, unavailable
from framework.membership.roster_view import RosterView
from framework.membership.roster_wire import WIRE_ERRORS

log = structlog.get_logger(__name__)

TO_END_WITHIN = 2.0
"""Seconds that `read_to_end` waits; several polls that find nothing fit in."""

RETRY_AFTER = 1.0
"""Seconds between tries to read again."""

PACE = 0.1
"""Seconds between polls that bring something: each worker writes each second, and one by one they need not be read."""


class RosterReader:
    """A view of a group's roster that follows what the workers write; for one event loop, whichever it is.

    Args:
        connection: how to reach the brokers.
        group_id: the group.
        only_control: read only what an operator asked for, not the seats.
        poll_wait: seconds that a broker may hold a poll that finds nothing. Below `CURRENT_WITHIN` where `is_current`
            matters.
        pace: seconds between polls that bring something.
    """

    def __init__(
        self,
        connection: Connection,
        group_id: str,
        *,
        only_control: bool = False,
        poll_wait: float = 0.5,
        pace: float = PACE,
    ) -> None:
        self._connection = connection
        self._topic = topic_name(group_id)
        self._log = RosterLog(connection, self._topic, (CONTROL,) if only_control else (SEATS, CONTROL), poll_wait)
        self._pace = pace
        self._task: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        # Renewed with each poll: set when it has ended, well or not.
        self._polled = asyncio.Event()
        self._in_a_hurry = 0
        self._hurry = asyncio.Event()

    @property
    def view(self) -> RosterView:
        """What has been read; another object after the topic was made anew."""
        return self._log.view

    def is_current(self, now: float) -> bool:
        """Whether the view can be relied upon; False while the topic cannot be read.

        Args:
            now: monotonic seconds.
        """
        return self._log.silence.is_current(now)

    def is_telling(self, now: float) -> bool:
        """Whether silence in the view proves a death; stricter than `is_current`, see `Doubt`.

        Args:
            now: monotonic seconds.
        """
        return self._log.silence.doubt(now) is None

    def doubt(self, now: float) -> str:
        """Why it is not telling, and what to do, as sentences for a person; empty where it is."""
        doubt = self._log.silence.doubt(now)
        return doubtful(self._connection, self._topic, doubt, self._log.problem) if doubt is not None else ""

    @property
    def problem(self) -> str:
        """Why the topic could not be read when that was tried last; empty where it could."""
        return self._log.problem

    async def start(self) -> None:
        """Read everything that is there, then follow in the background.

        Raises:
            RosterUnavailableError: the topic is missing, this user may not read it, or no broker answers; `start` may
                be called again.
        """
        try:
            await self._log.open()
        except WIRE_ERRORS as exc:
            raise unavailable(self._connection, self._topic, Use.READ, exc) from exc
        self._news.clear()
        self._task = asyncio.create_task(self._follow())

    async def changed(self, timeout: float | None) -> bool:
        """Wait until new records have come since the last call; for one caller.

        Args:
            timeout: seconds after which to give up; None waits for ever.

        Returns:
            Whether they have.
        """
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), timeout)
        has_news = self._news.is_set()
        self._news.clear()
        return has_news

    async def read_to_end(self) -> None:
        """Wait until all that a broker had acknowledged before this call is in the view; after `start`.

        Raises:
            RosterUnavailableError: it cannot be read just now.
            TimeoutError: no broker has answered within `TO_END_WITHIN`.
        """
        called_at = time.monotonic()
        self._in_a_hurry += 1
        self._hurry.set()
        try:
            async with asyncio.timeout(TO_END_WITHIN):
                while self._log.at_end_since < called_at:
                    if self._log.problem:
                        raise RosterUnavailableError(self._log.problem)
                    await self._polled.wait()
        finally:
            self._in_a_hurry -= 1

    async def close(self) -> None:
        """Stop following; the view stays as it is. Safe to call again, and without `start`."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        await self._log.hang_up()
        self._log.silence.is_unread()

    # --- the background -----------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        while True:
            try:
                await self._log.open()
                await self._log.look_at_rights()
                has_news = await self._log.poll(is_urgent=self._in_a_hurry > 0)
            except WIRE_ERRORS as exc:
                log.debug("roster.not_followed", topic=self._topic, error=repr(exc))
                self._log.failed(exc)
                self._poll_ended()
                await self._log.hang_up()
                await asyncio.sleep(RETRY_AFTER)
            else:
                self._poll_ended()
                if has_news:
                    self._news.set()
                    await self._rest()

    def _poll_ended(self) -> None:
        self._polled.set()
        self._polled = asyncio.Event()

    async def _rest(self) -> None:
        """Let some records come together, unless somebody waits for the end."""
        if not self._in_a_hurry:
            self._hurry.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), self._pace)
