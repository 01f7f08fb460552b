"""`python -m tests.beside OPTIONS`: runs pytest so that it yields to everything else on the machine.

A low priority is not enough. Where Linux groups processes by session (`sched_autogroup`), priorities count only within
a session, and each worker and each broker of a test has a session of its own.
"""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

LOWEST = 19
SESSION = 10
"""Of a session beside one that has not been lowered: its share of a core is a tenth."""


def main() -> int:
    """Run pytest; returns its exit code."""
    os.nice(LOWEST)
    tests = subprocess.Popen([sys.executable, "-m", "pytest", *sys.argv[1:]])
    while tests.poll() is None:
        for process in psutil.process_iter(["nice"]):
            if process.info["nice"] == LOWEST:
                _lower_session(process.pid)
        time.sleep(0.5)
    return tests.returncode


def _lower_session(pid: int) -> None:
    autogroup = Path(f"/proc/{pid}/autogroup")
    with suppress(OSError):
        if not autogroup.read_text().rstrip().endswith(f" {SESSION}"):
            autogroup.write_text(str(SESSION))


if __name__ == "__main__":
    sys.exit(main())
