"""The first process of a container reaps orphans, and leaves the helpers of multiprocessing to multiprocessing."""

import subprocess
import sys
import textwrap

SUBREAPER = """
    import asyncio, ctypes, os, signal, subprocess, sys, textwrap
    from multiprocessing import resource_tracker
    from framework.lifecycle.reaper import Reaper, _dead_children

    PR_SET_CHILD_SUBREAPER = 36
    assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0

    def orphan():
        # The child dies at once and leaves its own child, with a name that could confuse a parser, to this process.
        script = '''
    import os
    pid = os.fork()
    if pid:
        print(pid, flush=True)
        os._exit(0)
    with open("/proc/self/comm", "w") as name:
        name.write("a) Z 1 (b")
    '''
        ended = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True)
        return int(ended.stdout)

    async def until(holds):
        async with asyncio.timeout(10):
            while not holds():
                await asyncio.sleep(0.01)
"""


def run(body: str) -> str:
    script = textwrap.dedent(SUBREAPER) + textwrap.dedent(body)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_orphans_are_reaped_while_it_runs_and_not_after() -> None:
    out = run("""
        async def main():
            with Reaper(is_init=True):
                pid = orphan()
                await until(lambda: not os.path.exists(f"/proc/{pid}"))
            pid = orphan()
            await until(lambda: pid in _dead_children())
            print("left")

        asyncio.run(main())
    """)
    assert out == "left"


def test_helpers_of_multiprocessing_are_left_alone() -> None:
    out = run("""
        async def main():
            resource_tracker.ensure_running()
            tracker = resource_tracker._resource_tracker._pid
            with Reaper(is_init=True):
                os.kill(tracker, signal.SIGKILL)
                await until(lambda: tracker in list(_dead_children()))
                pid = orphan()
                await until(lambda: not os.path.exists(f"/proc/{pid}"))
                assert tracker in _dead_children()
            assert os.waitpid(tracker, 0)[0] == tracker
            print("ours")

        asyncio.run(main())
    """)
    assert out == "ours"


def test_a_process_that_is_not_the_first_touches_no_signal() -> None:
    out = run("""
        async def main():
            with Reaper():
                print(signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL)

        asyncio.run(main())
    """)
    assert out == "True"
