"""A worker that crashed ends, whatever it leaves behind; in a real process, because ending is the point."""

import subprocess
import sys

from framework.exit_codes import ExitCode

CRASHES_WITH_A_STUBBORN_TASK = """
import asyncio
from framework.lifecycle import worker
from framework.lifecycle.link import WorkerSpec

async def stubborn():
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass

class Crashing(worker.WorkerProcess):
    async def live(self):
        self.task = asyncio.ensure_future(stubborn())
        self.waiting = asyncio.ensure_future(asyncio.to_thread(self._may_go.wait))
        self._may_go.clear()
        await asyncio.sleep(0)
        raise ValueError("the app crashed")

worker.WorkerProcess = Crashing
worker.run(WorkerSpec("shop:app"))
"""


def test_crashed_worker_ends_although_its_tasks_and_threads_do_not() -> None:
    script = [sys.executable, "-c", CRASHES_WITH_A_STUBBORN_TASK]
    ended = subprocess.run(script, capture_output=True, text=True, timeout=20.0, check=False)
    assert ended.returncode == ExitCode.CRASHED
    assert "error: The app crashed: ValueError('the app crashed')" in ended.stderr


def test_app_that_is_not_there_ends_the_supervisor_with_its_code() -> None:
    command = [sys.executable, "-m", "framework", "run", "no_such_module:app", "--workers", "2"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60.0, check=False)
    assert ended.returncode == ExitCode.APP_NOT_FOUND
    assert ended.stderr.count("error: ") == 1
    assert "no module 'no_such_module'" in ended.stderr
    assert "Traceback" not in ended.stderr
