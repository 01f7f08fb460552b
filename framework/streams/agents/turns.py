"""How long a stream goes on before others have the event loop, and what it waits for then; knows no Kafka."""

import asyncio
from time import monotonic
from typing import Any

TURN = 0.008
"""Seconds that all streams of a worker together may take from one pass of the event loop to the next."""

SHORTEST = 0.0001
"""Seconds that one stream has at least; a turn costs some hundredths of that."""


class Turns:
    """Shares the event loop among the streams of one app.

    In one pass the event loop runs everybody who is ready. So the streams that have records share the time. And who has
    none yet when the others look, as those that one fetch wakes together, has what is left of the pass: each would take
    itself for the only one.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._busy = 0
        self._pass_ends: float | None = None

    def enter(self) -> None:
        """A stream has records now."""
        self._busy += 1

    def leave(self) -> None:
        """A stream waits for records now."""
        self._busy -= 1

    def deadline(self) -> float:
        """Until when the next events may begin, monotonic; that is in the past while the lease is not held."""
        now = monotonic()
        if self._pass_ends is None:
            self._pass_ends = now + TURN
            # It is called in the next pass.
            asyncio.get_running_loop().call_soon(self._end_pass)
        turn_ends = min(now + TURN / max(1, self._busy), self._pass_ends)
        return float(min(max(turn_ends, now + SHORTEST), self._app.lease.until))

    def _end_pass(self) -> None:
        self._pass_ends = None

    async def next(self) -> float:
        """Let others have their turn, and wait for what events must wait for; returns the new deadline.

        What they wait for: the lease, and room for what they send and change. Between two turns, and not at each event,
        because a turn is short.
        """
        app = self._app
        await asyncio.sleep(0)
        while True:
            await app.producer.buffer.wait_until_ebb()
            await app.tables.ebb()
            deadline = self.deadline()
            if monotonic() < deadline:
                return deadline
            await app.lease.wait()
