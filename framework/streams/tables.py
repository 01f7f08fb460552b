"""Faust's tables without a fixed wait at their start and without a recovery that never ends."""

import asyncio
import logging
from typing import Any

from faust.tables.manager import TableManager as FaustTableManager
from faust.tables.recovery import Recovery as FaustRecovery


class Latch(asyncio.Event):
    """An event that stays set until it is opened; `clear` does nothing."""

    def clear(self) -> None:
        """Called by Faust before each changelog record."""

    def open(self) -> None:
        """Make it wait again."""
        super().clear()


class Recovery(FaustRecovery):
    """Faust's recovery of tables from their changelogs.

    Step by step, what hangs in Faust: recovery starts the fetcher and will wait for the end signal next. Before it
    does, the task that applies records has applied the last one, sets the signal, takes up its next record and clears
    the signal again. Now nobody is in recovery any more, so nobody sets it again, and the partitions stay silent.
    """

    logger = logging.getLogger("faust.framework.tables")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._signal_recovery_end = self._end = Latch()

    async def _wait(self, coro: Any, timeout: Any = None) -> None:  # noqa: ARG002 - Faust passes one
        """Wait for a step as long as it takes; Faust takes a timeout for its own stop, and never recovers again."""
        await super()._wait(coro)

    def _set_recovery_started(self) -> None:
        self._end.open()
        super()._set_recovery_started()


class TableManager(FaustTableManager):
    """Registers the tables as soon as the agents have started."""

    logger = logging.getLogger("faust.framework.tables")

    _recovery: Recovery | None

    @property
    def recovery(self) -> Recovery:
        """The service that recovers the tables."""
        if self._recovery is None:
            self._recovery = Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery

    async def on_start(self) -> None:
        """Register changelogs and start recovery.

        Faust sleeps a second first, so that agents have registered their topics. The conductor, which is what needs
        them, waits for the agents by itself before it subscribes.
        """
        if not self.should_stop:
            await self._update_channels()
            await self.recovery.start()
