"""From a plan to a cluster that answers: properties, storage, processes, and the wait until all know each other."""

import base64
import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from framework.errors import LocalKafkaError, PortTakenError
from framework.localkafka import ports
from framework.localkafka.java import Runtime
from framework.localkafka.plan import Node, Plan, render, server_properties
from framework.localkafka.process import ENVIRONMENT, WATCH_EVERY, is_running, java_command, spawn, stop_all

READY_WITHIN = 60.0
"""Seconds a start may take until every node answers and knows all others."""

LAST_LINES = 10
LONGEST_LINE = 400
ERROR_LINE = re.compile(r"\b(ERROR|FATAL)\b|^Caused by:|Exception in thread|^Error:|OutOfMemory")


def launch(runtime: Runtime, plan: Plan, started: Callable[[Node], None]) -> Plan:
    """Start the cluster and wait until it takes requests; returns the plan with the pids.

    Args:
        runtime: Java and the class path.
        plan: what to start; data that is there already is used as it is.
        started: called with each node as soon as it has a pid, before it is ready.

    Raises:
        PortTakenError: a port was taken before the node could listen on it.
        LocalKafkaError: a node ended, or did not become ready in time. Nothing runs then; data folders that
            this call made are gone, the log files are not.
    """
    made = [plan.node_folder(node) for node in plan.nodes if not plan.node_folder(node).exists()]
    try:
        prepare(runtime, plan)
        for node in plan.nodes:
            plan = with_node(plan, spawn(runtime, plan, node))
            started(plan.nodes[node.node_id - 1])
        wait_ready(plan, plan.nodes, READY_WITHIN)
    except BaseException:
        stop_all(plan, plan.nodes, grace=0)
        for folder in made:
            shutil.rmtree(folder, ignore_errors=True)
        for folder in (plan.folder / "logs", plan.folder):
            # Only those that are empty: a log may say why.
            with suppress(OSError):
                folder.rmdir()
        raise
    return plan


def with_node(plan: Plan, node: Node) -> Plan:
    """The plan with the node of the same id replaced."""
    return replace(plan, nodes=tuple(node if node.node_id == old.node_id else old for old in plan.nodes))


def prepare(runtime: Runtime, plan: Plan) -> None:
    """Write each node's `server.properties`, and format the storage of those that have none."""
    (plan.folder / "logs").mkdir(parents=True, exist_ok=True)
    for node in plan.nodes:
        plan.node_folder(node).mkdir(exist_ok=True)
        plan.properties_file(node).write_text(render(server_properties(plan, node)))
        plan.log_file(node).unlink(missing_ok=True)
    cluster_id = _cluster_id(plan)
    formats = [_start_format(runtime, plan, node, cluster_id) for node in plan.nodes if not _meta(plan, node).exists()]
    for process in formats:
        output, _ = process.communicate(timeout=READY_WITHIN)
        if process.returncode != 0:
            raise LocalKafkaError(
                f"The storage of the local Kafka could not be formatted; Kafka said:\n{telling(output)}"
            )


def _start_format(runtime: Runtime, plan: Plan, node: Node, cluster_id: str) -> subprocess.Popen[str]:
    arguments = ("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(plan.properties_file(node)))
    command = java_command(runtime, *arguments)
    return subprocess.Popen(
        command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _meta(plan: Plan, node: Node) -> Path:
    return plan.node_folder(node) / "data" / "meta.properties"


def _cluster_id(plan: Plan) -> str:
    """The id that formatted nodes carry already, else a new one: a stray node of another cluster is refused by it."""
    for node in plan.nodes:
        if _meta(plan, node).exists() and (
            found := re.search(r"^cluster\.id=(.+)$", _meta(plan, node).read_text(), re.M)
        ):
            return found.group(1)
    # The first letter keeps a leading "-" away, which the tool would take for an option.
    return "K" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]


def wait_ready(plan: Plan, nodes: tuple[Node, ...], within: float) -> None:
    """Wait until each of `nodes` answers and knows all nodes of the plan that run.

    Raises:
        PortTakenError: a node ended because its port was taken.
        LocalKafkaError: a node ended, or `within` seconds have passed; its last lines are in the message.
    """
    end = time.monotonic() + within
    for node in nodes:
        expected = sum(is_running(plan, peer) for peer in plan.nodes)
        while ports.brokers_seen(node.port) < expected:
            if not is_running(plan, node):
                raise _ended(plan, node)
            if time.monotonic() > end:
                raise LocalKafkaError(
                    f"Node {node.node_id} of the local Kafka did not answer on port {node.port} within {within:.0f} s. "
                    + _said(plan, node)
                )
            time.sleep(WATCH_EVERY)


def log_tail(plan: Plan, lines: int = LAST_LINES) -> str:
    """The last lines of every node's log, each under the path of its file."""
    tails = ((plan.log_file(node), _read(plan.log_file(node)).splitlines()[-lines:]) for node in plan.nodes)
    return "\n".join(f"{path}:\n" + "\n".join(tail) for path, tail in tails)


def _ended(plan: Plan, node: Node) -> LocalKafkaError | PortTakenError:
    said = _read(plan.log_file(node))
    if "Address already in use" in said or "BindException" in said:
        return PortTakenError(
            f"Port {node.port} or {node.controller_port} was taken by another process while the local Kafka started. "
            "Try again, or choose another port."
        )
    return LocalKafkaError(f"Node {node.node_id} of the local Kafka ended while it started. {_said(plan, node)}")


def _said(plan: Plan, node: Node) -> str:
    path = plan.log_file(node)
    return f"Its log is {path}, which says:\n{telling(_read(path))}"


def telling(log: str) -> str:
    """The last lines of a log that tell of an error, without the stack traces; where none does, the last lines."""
    lines = [line[:LONGEST_LINE] for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if ERROR_LINE.search(line) and not line.startswith("\t")]
    return "\n".join((errors or lines)[-LAST_LINES:])


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return "(no log was written)"
