"""How long a worker waits for a broker that does not answer yet, and what it says meanwhile."""

import asyncio
import random
import time
from typing import TYPE_CHECKING

import structlog

from framework.backoff import Backoff
from framework.errors import BrokerUnavailableError

if TYPE_CHECKING:
    from framework.app import App

log = structlog.get_logger(__name__)

PROBE_TIMEOUT = 5.0
PROBE_BACKOFF = Backoff(initial=0.2, maximum=2.0, jitter=0.2)


async def reach_broker(app: "App", patience: float) -> None:
    """Wait until a broker answers; says so once if it must wait.

    Args:
        app: whose address and credentials to use.
        patience: seconds to go on trying; 0 tries once.

    Raises:
        BrokerUnavailableError: no broker answered in that time.
        NotAllowedError: a broker refused the credentials.
    """
    deadline = time.monotonic() + patience
    attempt = 0
    while True:
        try:
            return await app.probe_broker(PROBE_TIMEOUT)
        except BrokerUnavailableError as exc:
            attempt += 1
            pause = PROBE_BACKOFF.delay(attempt, random.random())  # noqa: S311 - jitter, not a secret
            if time.monotonic() + pause > deadline:
                raise
            if attempt == 1:
                log.warning("worker.broker_away", error=str(exc), patience=patience)
            await asyncio.sleep(pause)
