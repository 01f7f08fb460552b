"""A worker process as its supervisor holds it; in a script of its own, because the fork server is one a process."""

import subprocess
import sys
import textwrap

from framework.exit_codes import ExitCode

SCRIPT = """
    import asyncio, os, signal
    from multiprocessing import forkserver
    from framework.lifecycle.link import WorkerSpec
    from framework.lifecycle.process import WorkerHandle, start_fork_server

    async def end_of_one():
        handle = WorkerHandle(WorkerSpec("no_such_module:app"), lambda *_: None)
        await handle.start()
        return await handle.wait()

    async def main():
        start_fork_server()
        codes = [await end_of_one()]
        for _ in range(3):
            os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)
            codes.append(await end_of_one())
        print(codes)

    asyncio.run(main())
"""


def test_fork_server_that_was_just_killed_is_started_anew() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT)], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.stdout.strip() == str([int(ExitCode.APP_NOT_FOUND)] * 4), ended.stderr
