"""What the framework assumes of multiprocessing beyond its documentation; a Python that breaks it fails here.

The standard library differs from release to release, so this looks at what it does and not at how it is written.
"""

import inspect
import multiprocessing
import signal
import subprocess
import sys
import textwrap
from multiprocessing import forkserver, popen_forkserver, resource_tracker, spawn

import pytest

from tests.contract.contract import Has, check_has

LIBRARY = f"Python {sys.version.split()[0]}"

PROCESS = "framework/lifecycle/process.py"
REAPER = "framework/lifecycle/reaper.py"

NAMES = [
    Has(forkserver, "ensure_running", (), f"{PROCESS} `start_fork_server`"),
    Has(resource_tracker, "ensure_running", (), f"{PROCESS} `start_fork_server`"),
    Has(forkserver, "_forkserver", None, f"{REAPER} `reap_orphans`"),
    Has(forkserver._forkserver, "_forkserver_pid", None, f"{REAPER} `reap_orphans`"),  # type: ignore[attr-defined]
    Has(resource_tracker, "_resource_tracker", None, f"{REAPER} `reap_orphans`"),
    Has(resource_tracker._resource_tracker, "_pid", None, f"{REAPER} `reap_orphans`"),
    Has(spawn, "get_preparation_data", ("name",), f"{PROCESS} `_without_main_module`, which hides `__main__` from it"),
    Has(multiprocessing.get_context("forkserver"), "set_forkserver_preload", ("module_names",), f"{PROCESS}"),
]


@pytest.mark.parametrize("has", NAMES, ids=str)
def test_name(has: Has) -> None:
    check_has(has, LIBRARY)


def run(body: str) -> str:
    """Run a script of its own, because the fork server is one for each process."""
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(body)], capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_main_module_can_be_hidden() -> None:
    out = run("""
        import sys
        from multiprocessing import spawn
        from framework.lifecycle.process import _without_main_module
        sys.modules["__main__"].__file__ = "/bin/framework"
        shown = spawn.get_preparation_data("x")
        with _without_main_module():
            hidden = spawn.get_preparation_data("x")
        print("init_main_from_path" in shown, {"init_main_from_path", "init_main_from_name"} & hidden.keys())
        print(sys.modules["__main__"].__file__)
    """)
    assert out.splitlines() == ["True set()", "/bin/framework"], (
        f"multiprocessing of {LIBRARY} finds `__main__` in another way now: {PROCESS} `_without_main_module` hides it"
        " in vain, and each worker would run the console script again."
    )


FORK = """
    import multiprocessing, os, signal, sys
    from multiprocessing import forkserver, resource_tracker

    def main(target, *args):
        context = multiprocessing.get_context("forkserver")
        process = context.Process(target=target, args=args)
        process.start()
        return process
"""


def test_exit_code_is_that_of_the_process_and_its_signal() -> None:
    out = run(
        FORK
        + """
    for target, args in ((os._exit, (80,)), (os.abort, ())):
        process = main(target, *args)
        process.join()
        print(process.exitcode)
    """
    )
    assert out.split() == ["80", "-6"], f"The exit codes of {LIBRARY} are not those that {PROCESS} hands on."


def test_children_are_not_children_of_this_process_but_of_the_fork_server() -> None:
    out = run(
        FORK
        + """
    import time
    process = main(time.sleep, 60)
    parent = open(f"/proc/{process.pid}/stat").read().rpartition(")")[2].split()[1]
    print(int(parent) == forkserver._forkserver._forkserver_pid != os.getpid())
    process.kill()
    process.join()
    """
    )
    assert out == "True", f"{REAPER} takes the workers for children of the fork server, which waits for them."


def test_death_of_the_fork_server_looks_like_255() -> None:
    out = run(
        FORK
        + """
    import time
    process = main(time.sleep, 60)
    os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)
    process.join()
    print(process.exitcode)
    os.kill(process.pid, signal.SIGKILL)
    for _ in range(100):
        try:
            process = main(os._exit, 7)
            break
        except (EOFError, ConnectionError):
            # It may look alive until its exit status is there; WorkerHandle tries again, too.
            time.sleep(0.05)
    process.join()
    print(process.exitcode)
    """
    )
    assert out.split() == ["255", "7"], (
        f"multiprocessing of {LIBRARY} reports the death of the fork server as {out.split()}, and {PROCESS} `_on_exit`"
        " expects 255, and a new fork server with the next start."
    )
    assert "255" in inspect.getsource(popen_forkserver.Popen.poll)


def test_blocked_signals_stay_blocked_in_the_fork_server_and_its_children() -> None:
    out = run(
        FORK
        + """
    from framework.lifecycle.interrupts import INTERRUPTS
    from framework.lifecycle.process import _interrupts_blocked, _without_main_module
    import time

    def blocked(pid):
        line = next(line for line in open(f"/proc/{pid}/status") if line.startswith("SigBlk:"))
        mask = int(line.split()[1], 16)
        return all(mask >> (number - 1) & 1 for number in INTERRUPTS)

    resource_tracker.ensure_running()
    with _without_main_module(), _interrupts_blocked():
        forkserver.ensure_running()
        process = main(time.sleep, 60)
    print(blocked(forkserver._forkserver._forkserver_pid), blocked(process.pid), blocked(os.getpid()))
    process.kill()
    process.join()
    """
    )
    assert out == "True True False", (
        f"multiprocessing of {LIBRARY} unblocks signals in the fork server or its children: an interrupt for the whole"
        f" process group would kill them ({PROCESS} `_interrupts_blocked`)."
    )


def test_pipe_of_a_dead_supervisor_ends() -> None:
    """No other process holds the supervisor's end, so a worker reads the end of the pipe however that one dies."""
    script = textwrap.dedent(
        FORK
        + """
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe()
    processes = [main(theirs.recv), main(theirs.recv)]
    print(*[process.pid for process in processes], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
    """
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == -signal.SIGKILL
    # The output was read to its end, which both children held open until they ended themselves.
    assert ended.stderr.splitlines().count("EOFError") == 2, (
        f"Workers forked by {LIBRARY} do not see the end of their pipe when the supervisor dies; framework/lifecycle/"
        "worker.py `listen` would never know."
    )
