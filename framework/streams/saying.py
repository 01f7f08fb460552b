"""What a worker says once of records that do not go the fast way; reading, sending and tables share it."""

import structlog

log = structlog.get_logger(__name__)


class SayOnce:
    """Logs each reason once in a process, with the place where it was met first."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, why: str, where: object = "") -> None:
        """Log a reason.

        Args:
            why: the reason.
            where: the topic, the channel or the table; another one is not another reason.
        """
        if why not in self._said:
            self._said.add(why)
            log.info("delivery.not_fast", why=why, where=str(where))
