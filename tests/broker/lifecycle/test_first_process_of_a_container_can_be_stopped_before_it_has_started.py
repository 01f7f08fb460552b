"""As process 1 of a container, `framework run` obeys an interrupt that comes before it has handlers for it.

The kernel keeps signals without a handler from such a process, and a container engine would wait in vain for its end.
"""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from framework.testing import eventually

pytestmark = pytest.mark.broker

ROOT = Path(__file__).parents[3]
STILL_LOADING = """
import sys, time
import framework.lifecycle.process as process
from framework.__main__ import main

def load():
    print("loading", flush=True)
    time.sleep(60)

process.start_fork_server = load
sys.argv = ["framework", "run", "shop:app"]
main()
"""
CONTAINER = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]


@pytest.mark.parametrize("interrupt", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR2])
def test_it(interrupt: signal.Signals, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        container = subprocess.Popen(
            [*CONTAINER, sys.executable, "-c", STILL_LOADING], cwd=ROOT, stdout=output, stderr=output
        )
    try:
        eventually(lambda: "loading" in log.read_text(), within=10.0)
        (first,) = psutil.Process(container.pid).children()
        first.send_signal(interrupt)
        assert container.wait(timeout=10.0) == 0, log.read_text()
    finally:
        for process in psutil.Process(container.pid).children(recursive=True) if container.poll() is None else ():
            process.kill()
        container.kill()
        container.wait()
