"""Whether and when a worker that ended is started again; pure."""

import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from framework.backoff import Backoff
from framework.exit_codes import FINAL, ExitCode

if TYPE_CHECKING:
    from framework.settings import Settings


@dataclass(frozen=True, slots=True)
class Ending:
    """How a worker ended.

    Attributes:
        code: exit code, or the negative number of the signal that killed it.
        crashes: how often in a row this worker has crashed, this time included if it did.
        knew_broker: whether this worker, in any of its processes, has reached a broker before.
        attempts: how often in a row it was fenced or found its seat taken, this time included.
    """

    code: int
    crashes: int
    knew_broker: bool = False
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When to start a worker again.

    Attributes:
        backoff: pauses between crashes.
        limit: crashes in a row after which the supervisor gives up.
        reset_after: seconds of running after which earlier crashes are forgotten.
        fenced_backoff: pauses after a fence, before the next process looks who has the seat.
        fenced_limit: fences and looks in a row after which the supervisor gives up.
        fenced_reset_after: seconds of running after which earlier ones are forgotten.
    """

    backoff: Backoff
    limit: int
    reset_after: float
    fenced_backoff: Backoff = field(default_factory=lambda: Backoff(0.5, 5.0))
    fenced_limit: int = 120
    fenced_reset_after: float = 60.0

    @classmethod
    def from_settings(cls, settings: "Settings") -> "RestartPolicy":
        """As the settings have it; both backoffs are spread, so that workers do not start in step."""
        return cls(
            Backoff(settings.restart_backoff_initial, settings.restart_backoff_max, jitter=0.1),
            settings.restart_limit,
            settings.restart_reset_after,
            Backoff(settings.fenced_backoff_initial, settings.fenced_backoff_max, jitter=0.1),
            settings.fenced_max_attempts,
            settings.fenced_reset_after,
        )

    def crashes(self, before: int, code: int, ran_for: float | None) -> int:
        """Crashes in a row.

        Args:
            before: crashes in a row until now.
            code: how the process ended this time; a stop, a fence, and a broker that is away, are no crashes.
            ran_for: seconds since it was running; None if it never was.
        """
        if ran_for is not None and ran_for >= self.reset_after:
            before = 0
        return before if code in (ExitCode.OK, ExitCode.BROKER_UNAVAILABLE, ExitCode.FENCED) else before + 1

    def decide(self, ending: Ending, chance: float = 0.0) -> "Decision":
        """What to do about a worker that nobody had asked to stop; `chance` in [0, 1) spreads the restarts."""
        if ending.code == ExitCode.BROKER_UNAVAILABLE and ending.knew_broker:
            # A broker that is away is no reason to die; only one that was never there is.
            return Decision(restart_in=self.backoff.delay(1, chance))
        if ending.code == ExitCode.OK:
            # Somebody stopped this process alone, and not its supervisor.
            return Decision(restart_in=self.backoff.delay(1, chance))
        if ending.code == ExitCode.FENCED:
            if ending.attempts >= self.fenced_limit:
                return Decision(exit_code=ExitCode.FENCED)
            # The next process looks before it joins, and says who has the seat.
            return Decision(restart_in=self.fenced_backoff.delay(max(1, ending.attempts), chance))
        if ending.code in FINAL:
            return Decision(exit_code=ExitCode(ending.code))
        if ending.crashes > self.limit:
            return Decision(exit_code=ExitCode.CRASH_LOOP)
        return Decision(restart_in=self.backoff.delay(ending.crashes, chance))


@dataclass(frozen=True, slots=True)
class Decision:
    """Either seconds until the restart, or the code the worker's slot ends with."""

    restart_in: float | None = None
    exit_code: ExitCode = ExitCode.OK


def describe(code: int) -> str:
    """An exit code or signal as a person reads it: `FENCED (80)`, `killed by SIGKILL`."""
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"{ExitCode(code).name} ({code})" if code in set(ExitCode) else str(code)
