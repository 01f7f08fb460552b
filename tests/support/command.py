"""The framework's commands as an operator types them."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FRAMEWORK = (sys.executable, "-m", "framework")


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended: its exit code, all that it printed, and from when to when it ran (monotonic seconds)."""

    code: int
    output: str
    begun: float
    ended: float


def run_command(arguments: Sequence[str], environment: Mapping[str, str], within: float) -> Finished:
    """Run `framework ARGUMENTS` to its end.

    Args:
        arguments: of the command.
        environment: the whole environment of the process.
        within: seconds that it may take.
    """
    begun = time.monotonic()
    done = subprocess.run(
        (*FRAMEWORK, *arguments),
        cwd=ROOT,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=within,
    )
    return Finished(done.returncode, done.stdout, begun, time.monotonic())
