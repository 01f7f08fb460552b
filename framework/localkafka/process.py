"""Java processes of a cluster: start, recognise, signal, wait; knows pids and files, not what Kafka does in them."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from framework.localkafka.java import Runtime
from framework.localkafka.plan import Node, Plan

JVM_FLAGS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
LOG_CONFIG = Path(__file__).with_name("log4j2.xml")
ENVIRONMENT = {"LC_ALL": "C.UTF-8"}
"""All that Java gets of the environment: nothing of the user's reaches a process that outlives the command, and paths
with letters outside of ASCII work."""
WATCH_EVERY = 0.05

GUARD = """
trap '' INT TERM HUP
while read -r pid; do pids="$pids $pid"; done
for pid in $pids; do
  { tr '\\0' ' ' < "/proc/$pid/cmdline" || ps -o command= -p "$pid"; } 2>/dev/null \\
    | grep -qF -- "$1" && kill -9 "$pid"
done
"""
"""Reads pids until its input ends, which is when the process that wrote them is gone, and kills what is left of them.

A parent-death signal would be shorter, but it fires when the *thread* that started the child ends.
"""


def java_command(runtime: Runtime, *arguments: str, heap: str = "256m", temporary: Path | None = None) -> list[str]:
    """The command line of one of Kafka's classes."""
    options = [*JVM_FLAGS, f"-Xmx{heap}", f"-Dlog4j2.configurationFile={LOG_CONFIG}"]
    if temporary is not None:
        options += [f"-Djava.io.tmpdir={temporary}", f"-XX:ErrorFile={temporary}/hs_err_%p.log"]
    return [str(runtime.java), *options, "-cp", runtime.class_path, *arguments]


def spawn(runtime: Runtime, plan: Plan, node: Node) -> Node:
    """Start the node in a session of its own, its output appended to its log file; returns it with its pid."""
    temporary = plan.node_folder(node) / "tmp"
    temporary.mkdir(exist_ok=True)
    arguments = ("kafka.Kafka", str(plan.properties_file(node)))
    command = java_command(runtime, *arguments, heap="512m", temporary=temporary)
    to_log = (os.POSIX_SPAWN_OPEN, 1, str(plan.log_file(node)), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    # posix_spawn and not Popen: a broker may outlive this process, and a Popen object warns about that.
    pid = os.posix_spawn(
        command[0],
        command,
        ENVIRONMENT,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            to_log,
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    node = replace(node, pid=pid)
    _wait_named(node)
    return node


def is_running(plan: Plan, node: Node) -> bool:
    """Whether the node's pid is alive and is this node: a pid alone may belong to somebody else by now."""
    if node.pid <= 0:
        return False
    _reap(node.pid)
    return str(plan.properties_file(node)) in _command_line(node.pid)


def send(plan: Plan, node: Node, signum: signal.Signals) -> bool:
    """Send a signal to the node; False when it is not running."""
    if not is_running(plan, node):
        return False
    try:
        os.kill(node.pid, signum)
    except ProcessLookupError:
        return False
    return True


def wait_gone(plan: Plan, nodes: Sequence[Node], within: float) -> bool:
    """Wait up to `within` seconds for the nodes to end; returns whether they did."""
    end = time.monotonic() + within
    while any(is_running(plan, node) for node in nodes):
        if time.monotonic() > end:
            return False
        time.sleep(WATCH_EVERY)
    return True


def stop_all(plan: Plan, nodes: Sequence[Node], *, grace: float) -> None:
    """Stop the nodes: SIGTERM and `grace` seconds, then SIGKILL; with no grace SIGKILL at once."""
    if grace > 0:
        for node in nodes:
            # A suspended process would not see the SIGTERM.
            send(plan, node, signal.SIGCONT)
            send(plan, node, signal.SIGTERM)
        if wait_gone(plan, nodes, grace):
            return
    for node in nodes:
        send(plan, node, signal.SIGKILL)
    wait_gone(plan, nodes, 10.0)


def start_guard(plan: Plan) -> subprocess.Popen[bytes]:
    """A process that kills the nodes whose pids it was told, as soon as this process is gone."""
    return subprocess.Popen(
        ["/bin/sh", "-c", GUARD, "guard", str(plan.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def tell_guard(guard: subprocess.Popen[bytes], node: Node) -> None:
    """Let the guard know a node."""
    assert guard.stdin is not None
    guard.stdin.write(b"%d\n" % node.pid)
    guard.stdin.flush()


def dismiss_guard(guard: subprocess.Popen[bytes]) -> None:
    """End the guard without it doing anything."""
    guard.kill()
    guard.wait()
    if guard.stdin is not None:
        guard.stdin.close()


def _reap(pid: int) -> None:
    """Take the exit status of a child that has ended: until then it keeps its pid."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def _wait_named(node: Node) -> None:
    """Wait until a new process shows its command line: for a moment inside exec it has none and would pass for gone."""
    end = time.monotonic() + 1.0
    while not _command_line(node.pid) and time.monotonic() < end:
        time.sleep(0.001)


def _command_line(pid: int) -> str:
    """The arguments of a process, blank-separated; empty when it is gone."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    listed = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listed.stdout
