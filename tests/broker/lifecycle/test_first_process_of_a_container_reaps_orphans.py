"""As process 1 of a container the supervisor reaps what its workers leave behind, and stops on SIGTERM."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from framework.testing import Broker, eventually

pytestmark = pytest.mark.broker

ROOT = Path(__file__).parents[3]
APP = """
import subprocess
from framework import App

app = App("first-process")

@app.timer(0.2)
async def leave_an_orphan():
    subprocess.run(["sh", "-c", "(sleep 0.1; exit 3) &"])
    print("left one", flush=True)
"""
CONTAINER = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]


def test_it(kafka_broker: Broker, tmp_path: Path) -> None:
    (tmp_path / "orphans.py").write_text(APP)
    log = tmp_path / "log"
    with log.open("wb") as output:
        container = subprocess.Popen(
            [*CONTAINER, sys.executable, "-m", "framework", "run", "orphans:app"],
            cwd=tmp_path,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("FRAMEWORK_")},
                "PYTHONPATH": str(ROOT),
                "FRAMEWORK_BOOTSTRAP_SERVERS": kafka_broker.bootstrap_servers,
                "FRAMEWORK_INSTANCE_ID": "w0",
            },
            stdout=output,
            stderr=output,
        )
    try:
        eventually(lambda: log.read_text().count("left one") >= 10, within=30.0)
        (first,) = psutil.Process(container.pid).children()
        eventually(lambda: psutil.STATUS_ZOMBIE not in {child.status() for child in first.children()}, within=2.0)
        assert len(first.children()) <= 4  # fork server, resource tracker, and an orphan or two that still sleep
        first.send_signal(signal.SIGTERM)
        assert container.wait(timeout=10.0) == 0, log.read_text()[-3000:]
    finally:
        container.kill()
        container.wait()
