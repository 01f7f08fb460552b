"""A worker that crashed ends, whatever it leaves behind; in a real process, because ending is the point."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

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


ENDS = """
import sys
from framework import logs
from framework.errors import FencedError
from framework.exit_codes import ExitCode
from framework.lifecycle.link import Link, WorkerSpec
from framework.lifecycle.worker import WorkerProcess

logs.configure()
worker = WorkerProcess(WorkerSpec("shop:app"), Link())
"""


SLOW = """
import asyncio
from framework.lifecycle import ending
from framework.lifecycle.link import Stop
from framework.states import StopReason, WorkerState

async def live():
    worker._loop, worker._stop_asked = asyncio.get_running_loop(), asyncio.Event()
    worker.state = WorkerState.RUNNING
    worker.stop(Stop(StopReason.INTERRUPT, 0.5))
    await asyncio.sleep(3600)

ending.SLOW_STOP = 0.1
ending.log.info = lambda *_, **__: None
asyncio.run(live())
"""
"""The first that it has to say is what holds it up."""


@pytest.fixture
def full_pipe() -> Iterator[int]:
    """The end to write to of a pipe that nobody reads, and that takes nothing more."""
    unread, end = os.pipe()
    os.set_blocking(end, False)
    size = fcntl.fcntl(end, fcntl.F_GETPIPE_SZ)
    assert os.write(end, b"x" * size) == size
    os.set_blocking(end, True)
    yield end
    os.close(unread)
    os.close(end)


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ('worker.on_membership_failure(FencedError("Another process holds the seat."))', ExitCode.FENCED),
        ('worker.end(ExitCode.SETTINGS, "Something is missing.")', ExitCode.SETTINGS),
        ('worker._force("a second interrupt")', ExitCode.FORCED),
        (SLOW, ExitCode.FORCED),
    ],
    ids=["fenced", "told to end", "forced", "slow to stop"],
)
def test_worker_ends_although_nobody_reads_its_log(how: str, code: ExitCode, full_pipe: int) -> None:
    script = [sys.executable, "-c", ENDS + how]
    ended = subprocess.run(script, stdout=full_pipe, stderr=full_pipe, timeout=20.0, check=False)
    assert ended.returncode == code


def test_app_that_is_not_there_ends_the_supervisor_with_its_code() -> None:
    command = [sys.executable, "-m", "framework", "run", "no_such_module:app", "--workers", "2"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60.0, check=False)
    assert ended.returncode == ExitCode.APP_NOT_FOUND
    assert ended.stderr.count("error: ") == 1
    assert "no module 'no_such_module'" in ended.stderr
    assert "Traceback" not in ended.stderr
